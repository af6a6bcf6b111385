// What opens over the page is not rendered before it first does, so that a page's first render has less to do.
import { useState } from "react";

/** Whether `open` is true or ever was: a dialog that was open stays, as it closes by a movement. */
export function useOnce(open: boolean): boolean {
  const [was, setWas] = useState(open);
  if (open && !was) setWas(true);
  return open || was;
}
