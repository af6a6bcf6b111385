// What narrows a list, which is in the address once the typing pauses.
import { Input } from "antd";
import { useEffect, useRef, useState } from "react";
import { useParam } from "./cursor";

const TYPING_MS = 250;

interface SearchProps {
  label: string;
  param?: string;
  /** Stands in the address before what is typed. */
  before?: string;
}

export function SearchField({ label, param = "q", before = "" }: SearchProps) {
  const [all, setAll] = useParam(param);
  const q = all.startsWith(before) ? all.slice(before.length) : all;
  const setQ = (part: string) => setAll(part && before + part);
  const [text, setText] = useState(q);
  // The address comes back a moment later, when more may have been typed: that stays.
  const sent = useRef(q);
  const send = (part: string) => {
    sent.current = part;
    setQ(part);
  };
  useEffect(() => {
    if (q === sent.current) return;
    sent.current = q;
    setText(q);
  }, [q]);
  useEffect(() => {
    if (text === sent.current) return;
    const timer = setTimeout(() => send(text), TYPING_MS);
    return () => clearTimeout(timer);
  });
  return (
    <Input.Search
      className="filter"
      allowClear
      value={text}
      placeholder={label}
      aria-label={label}
      onChange={(event) => setText(event.target.value)}
      onSearch={send}
    />
  );
}
