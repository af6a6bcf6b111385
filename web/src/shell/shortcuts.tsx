// Single keys and two-key sequences ("g r"). They never fire while one types, and can be switched off.
import { Modal, Switch } from "antd";
import { useEffect, useRef, useState } from "react";
import { setPrefs, usePrefs } from "../prefs";
import { useOnce } from "../ui/once";
import { useShell } from "./text";

interface Shortcut {
  keys: string;
  does: string;
  act: () => void;
}

const active = new Set<{ current: Shortcut }>();
let pending = "";
let pendingAt = 0;

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** Whether a dialog has the keys. One that closes has not: its panel leaves first, the layer that it stood on some time after. */
function inDialog(): boolean {
  const panels = [...document.querySelectorAll(".ant-modal:not([class*='-leave'])")];
  return panels.some((panel) => panel.checkVisibility());
}

function onKey(event: KeyboardEvent, on: boolean) {
  if (!on || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
  if (inDialog()) return;
  const sequence = event.timeStamp - pendingAt < 1500 && pending ? `${pending} ${event.key}` : event.key;
  const all = [...active].map((ref) => ref.current);
  const hit = all.findLast((s) => s.keys === sequence) ?? all.findLast((s) => s.keys === event.key);
  const starts = all.some((s) => s.keys.startsWith(`${event.key} `));
  pending = !hit && starts ? event.key : "";
  pendingAt = event.timeStamp;
  if (!hit) return;
  event.preventDefault();
  hit.act();
}

/** While the component is there, `keys` does `act`; `?` lists it with the words `does`. */
export function useShortcut(keys: string, does: string, act: () => void) {
  const shortcut = useRef({ keys, does, act });
  useEffect(() => {
    shortcut.current = { keys, does, act };
  });
  useEffect(() => {
    active.add(shortcut);
    return () => void active.delete(shortcut);
  }, []);
}

export function Shortcuts() {
  const t = useShell();
  const { shortcuts } = usePrefs();
  const [open, setOpen] = useState(false);
  useShortcut("?", t("shell.helpKey"), () => setOpen(true));
  useEffect(() => {
    const listener = (event: KeyboardEvent) => onKey(event, shortcuts);
    document.addEventListener("keydown", listener);
    return () => document.removeEventListener("keydown", listener);
  }, [shortcuts]);
  useEffect(() => {
    const show = () => setOpen(true);
    document.addEventListener("kiln:shortcuts", show);
    return () => document.removeEventListener("kiln:shortcuts", show);
  }, []);
  if (!useOnce(open)) return null;
  return (
    <Modal open={open} title={t("shell.shortcuts")} footer={null} onCancel={() => setOpen(false)} destroyOnHidden>
      <p className="row">
        <Switch
          id="single-keys"
          checked={shortcuts}
          aria-label={t("shell.shortcutsOn")}
          onChange={(on) => setPrefs({ shortcuts: on })}
        />
        <label htmlFor="single-keys">{t("shell.shortcutsOn")}</label>
      </p>
      <table className="keys">
        <thead>
          <tr>
            <th scope="col">{t("shell.shortcutKey")}</th>
            <th scope="col">{t("shell.shortcutDoes")}</th>
          </tr>
        </thead>
        <tbody>
          {[...active].map(({ current }) => (
            <tr key={current.keys}>
              <td>
                {current.keys.split(" ").map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </td>
              <td>{current.does}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Modal>
  );
}

export function showShortcuts() {
  document.dispatchEvent(new Event("kiln:shortcuts"));
}
