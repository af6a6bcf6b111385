// A part of the name, which is in the address once the typing pauses.
import { Input } from "antd";
import { useEffect, useState } from "react";
import { useParam } from "./cursor";

const TYPING_MS = 250;

export function SearchField({ label }: { label: string }) {
  const [q, setQ] = useParam("q");
  const [text, setText] = useState(q);
  useEffect(() => setText(q), [q]);
  useEffect(() => {
    if (text === q) return;
    const timer = setTimeout(() => setQ(text), TYPING_MS);
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
      onSearch={setQ}
    />
  );
}
