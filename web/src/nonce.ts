// The policy allows styles with the nonce of this page only. Ant Design gives it to its styles, apart from the few that its dialogs
// make to measure scroll bars and to hold the page still: so every style element that is made here gets it.
export const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content || undefined;

const create = document.createElement.bind(document);

document.createElement = ((name: string, options?: ElementCreationOptions) => {
  const element = create(name, options);
  if (nonce && element instanceof HTMLStyleElement) element.nonce = nonce;
  return element;
}) as typeof document.createElement;
