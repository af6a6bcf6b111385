// The search of everything: one field and a list that arrow keys walk, in a dialog or as part of a page.
import { Input, Modal } from "antd";
import { type KeyboardEvent, useEffect, useId, useState } from "react";
import { useNavigate } from "react-router";
import { useRepositories } from "../queries";
import { useOnce } from "../ui/once";
import { repositoryUrl } from "../urls";
import { usePages } from "./nav";
import { useShell } from "./text";

interface Hit {
  group: string;
  text: string;
  to: string;
}

function useHits(q: string): Hit[] {
  const t = useShell();
  const pages = usePages();
  // The answer to what was typed before may still be here: Enter must not open what no longer matches.
  const has = (text: string) => text.toLowerCase().includes(q.toLowerCase());
  const found = (useRepositories({ q, limit: 8 }).data?.items ?? []).filter((r) => has(r.fullName));
  return [
    ...found.map((r) => ({ group: t("shell.searchRepositories"), text: r.fullName, to: repositoryUrl(r.fullName) })),
    ...pages.filter((page) => has(page.text)).map(({ text, to }) => ({ group: t("shell.searchPages"), text, to })),
  ];
}

/** `close`: of the dialog that it is in. As part of a page it lists nothing until one types. */
export function SearchBox({ close }: { close?: () => void }) {
  const t = useShell();
  const id = useId();
  const navigate = useNavigate();
  const [q, setQ] = useState("");
  const [at, setAt] = useState(0);
  const all = useHits(q.trim());
  const idle = !close && !q.trim();
  const hits = idle ? [] : all;
  const current = Math.min(at, hits.length - 1);
  const open = (hit: Hit | undefined) => {
    if (!hit) return;
    close?.();
    void navigate(hit.to);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setAt((current + 1) % Math.max(1, hits.length));
    else if (event.key === "ArrowUp") setAt((current + hits.length - 1) % Math.max(1, hits.length));
    else if (event.key === "Enter" && !event.nativeEvent.isComposing) open(hits[current]);
    else return;
    event.preventDefault();
  };
  return (
    <div className="search">
      <Input
        autoFocus={Boolean(close)}
        size="large"
        value={q}
        placeholder={t("shell.searchHint")}
        aria-label={t("shell.searchHint")}
        role="combobox"
        aria-expanded={hits.length > 0}
        aria-controls={`${id}-list`}
        aria-activedescendant={hits.length > 0 ? `${id}-${current}` : undefined}
        onChange={(event) => {
          setQ(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <ul id={`${id}-list`} role="listbox" aria-label={t("shell.search")}>
        {hits.map((hit, i) => (
          <li key={hit.to} id={`${id}-${i}`} role="option" aria-selected={i === current} onClick={() => open(hit)}>
            <span>{hit.text}</span>
            <span className="quiet">{hit.group}</span>
          </li>
        ))}
      </ul>
      {hits.length === 0 && !idle ? <p className="quiet">{t("shell.searchNothing", { q })}</p> : null}
    </div>
  );
}

export function Search({ open, onClose }: { open: boolean; onClose: () => void }) {
  const t = useShell();
  if (!useOnce(open)) return null;
  return (
    <Modal open={open} onCancel={onClose} footer={null} title={t("shell.search")} destroyOnHidden>
      <SearchBox close={onClose} />
    </Modal>
  );
}

/** Ctrl or Command with K, from anywhere. */
export function useSearchKey(show: () => void) {
  useEffect(() => {
    const listener = (event: globalThis.KeyboardEvent) => {
      if ((!event.ctrlKey && !event.metaKey) || event.key.toLowerCase() !== "k") return;
      event.preventDefault();
      show();
    };
    document.addEventListener("keydown", listener);
    return () => document.removeEventListener("keydown", listener);
  }, [show]);
}
