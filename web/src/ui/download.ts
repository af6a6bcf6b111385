/** Gives the browser a file that the page made. */
export function download(name: string, type: string, content: string) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has it once the click is handled.
  setTimeout(() => URL.revokeObjectURL(url));
}
