// Values as they look everywhere: copyable, digest, time, duration, size, state.
import { CheckOutlined, CopyOutlined, ThunderboltFilled, UploadOutlined } from "@ant-design/icons";
import { Button, Tooltip } from "antd";
import { type ReactNode, useEffect, useState } from "react";
import { type BuildJob, type BuildStatus, type BuildStep, serverUrl } from "../api";
import { useCommon } from "../i18n/common";
import * as format from "../i18n/format";
import { usePrefs } from "../prefs";
import { announce } from "./announce";
import { useNow } from "./clock";
import { Pill, type Tone } from "./pill";

interface CopyProps {
  text: string;
  what: string;
  label?: string;
  /** As high as the buttons beside it. */
  middle?: boolean;
}

/** Copies `text`; `what` completes "Copy …" for those who do not see the icon. */
export function CopyButton({ text, what, label, middle }: CopyProps) {
  const t = useCommon();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      announce(t("common.copied"));
    } catch {
      announce(t("common.copyFailed"));
    }
  };
  return (
    <Tooltip title={copied ? t("common.copied") : t("common.copyWhat", { what })}>
      <Button
        type={label ? "default" : "text"}
        size={middle ? "middle" : "small"}
        className="copy-button"
        icon={copied ? <CheckOutlined aria-hidden /> : <CopyOutlined aria-hidden />}
        aria-label={t("common.copyWhat", { what })}
        onClick={copy}
      >
        {label}
      </Button>
    </Tooltip>
  );
}

/** Copies the whole address of `to`, a path of the console; `what` is told where it is not the page itself. */
export function CopyLink({ to, what }: { to: string; what?: string }) {
  const t = useCommon();
  const named = what ?? t("common.link");
  return <CopyButton middle text={serverUrl(to)} what={named} label={t("common.copyWhat", { what: named })} />;
}

/** A command in a box with its copy button. */
export function Command({ text, what }: { text: string; what: string }) {
  return (
    <div className="command">
      {/* A box that scrolls must be reachable by keyboard. */}
      <pre tabIndex={0} role="group" aria-label={what}>
        <code>{text}</code>
      </pre>
      <CopyButton text={text} what={what} />
    </div>
  );
}

export function shortDigest(digest: string): string {
  const [algorithm, hex = ""] = digest.split(":");
  return `${algorithm}:${hex.slice(0, 12)}…`;
}

export function Digest({ digest }: { digest: string }) {
  const t = useCommon();
  return (
    <span className="digest">
      <code title={digest}>{shortDigest(digest)}</code>
      <CopyButton text={digest} what={t("common.digest")} />
    </span>
  );
}

export function Commit({ id }: { id: string }) {
  return (
    <code className="commit" title={id}>
      {id.slice(0, 7)}
    </code>
  );
}

/** How long ago, or with `ahead` how long until then; the whole time in the tooltip. */
export function Time({ at, ahead }: { at: string | null | undefined; ahead?: boolean }) {
  const { language } = usePrefs();
  const now = useNow();
  if (!at) return <span className="quiet">–</span>;
  const ms = Date.parse(at);
  return (
    <time dateTime={at} title={format.absoluteTime(language, ms)}>
      {format.relativeTime(language, ahead ? ms : Math.min(ms, now), now)}
    </time>
  );
}

/** From `from` to `to`, or to now while `to` is not known. */
export function Duration({ from, to }: { from: string | null | undefined; to: string | null | undefined }) {
  const { language } = usePrefs();
  const now = useNow(Boolean(from) && !to);
  if (!from) return <span className="quiet">–</span>;
  return <span className="number">{format.duration(language, (to ? Date.parse(to) : now) - Date.parse(from))}</span>;
}

export function Size({ bytes }: { bytes: number | null | undefined }) {
  const { language } = usePrefs();
  if (bytes === null || bytes === undefined) return <span className="quiet">–</span>;
  return (
    <span className="number" title={`${format.number(language, bytes)} B`}>
      {format.size(language, bytes)}
    </span>
  );
}

export type State = BuildStatus | BuildJob["state"] | BuildStep["state"];

const STATES: Record<State, [Tone, ReactNode?]> = {
  PENDING: ["wait"],
  queued: ["wait"],
  waiting: ["wait"],
  BUILDING: ["run"],
  running: ["run"],
  pushing: ["run", <UploadOutlined key="i" />],
  SUCCESS: ["good"],
  done: ["good"],
  cached: ["good", <ThunderboltFilled key="i" />],
  FAILED: ["bad"],
  failed: ["bad"],
  CANCELED: ["off"],
  canceled: ["off"],
};

/** Icon and word; `sentence` says more beside it. `label` replaces the word where the place makes the state plain. */
export function StatePill({ state, sentence, label }: { state: State; sentence?: string; label?: ReactNode }) {
  const t = useCommon();
  const [tone, icon] = STATES[state];
  const word = t(`common.state.${state}`);
  return (
    <Pill tone={tone} icon={icon} sentence={sentence} title={sentence ?? word}>
      {label ?? word}
      {label ? <span className="visually-hidden">: {word}</span> : null}
    </Pill>
  );
}
