// The viewer with its tools: search, follow, order, wrap, times, copy, download, text for screen readers.
import {
  ArrowDownOutlined,
  ArrowUpOutlined,
  CheckCircleFilled,
  ClockCircleOutlined,
  CloseCircleFilled,
  DisconnectOutlined,
  DownloadOutlined,
  DownOutlined,
  FileTextOutlined,
  FullscreenOutlined,
  GroupOutlined,
  SearchOutlined,
  VerticalAlignBottomOutlined,
} from "@ant-design/icons";
import { Button, Dropdown, Input, Tooltip } from "antd";
import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { number } from "../i18n/format";
import { usePrefs } from "../prefs";
import { useShortcut } from "../shell/shortcuts";
import { announce } from "../ui/announce";
import type { LogController, LogState, LogTexts, Times } from "./controller";
import "./log.css";
import { PlainText } from "./PlainText";
import { useLogText } from "./text";

const TIMES: Times[] = ["off", "relative", "absolute"];

interface Props {
  log: LogController;
  texts: LogTexts;
  /** What the heads of steps are made of: they are drawn anew when it changes. */
  headKey: string;
}

export function LogPane({ log, texts, headKey }: Props) {
  const state = useSyncExternalStore(log.subscribe, log.snapshot);
  const t = useLogText();
  const host = useRef<HTMLDivElement>(null);
  const pane = useRef<HTMLDivElement>(null);
  const find = useRef<HTMLInputElement>(null);
  const latest = useRef(texts);
  latest.current = texts;
  const [plain, setPlain] = useState(false);

  useEffect(() => {
    if (plain || !host.current) return;
    log.attach(host.current, latest.current);
    return () => log.detach();
  }, [log, plain]);
  useEffect(() => log.retitle(latest.current), [log, headKey]);
  useAnnouncements(state);

  useShortcut("/", t("log.find"), () => find.current?.select());
  useShortcut("f", t("log.followHint"), () => log.setFollow(!state.follow));
  useShortcut("w", t("log.wrapHint"), () => log.setWrap(!state.wrap));
  useShortcut("m", t("log.timesHint"), () => log.setTimes(nextTimes(state.times)));
  useShortcut("o", t("log.groupHint"), () => log.setGrouped(!state.grouped));
  useShortcut("n", t("log.next"), () => void log.findNext(1));
  useShortcut("N", t("log.previous"), () => void log.findNext(-1));
  useShortcut("F", t("log.full"), () => void fullscreen(pane.current));
  const key = (e: KeyboardEvent) => {
    const control = e.ctrlKey || e.metaKey;
    if (control && e.key === "f") {
      e.preventDefault();
      find.current?.select();
    } else if (control && e.key === "c" && state.selected && getSelection()?.isCollapsed) void copySelected(log);
    else if (e.key === "Escape" && !(e.target instanceof HTMLInputElement)) log.select(null);
  };

  return (
    // These keys work wherever the focus is within the viewer.
    // biome-ignore lint/a11y/noStaticElementInteractions: what is focused inside takes the keys
    <div className="log-pane" ref={pane} onKeyDown={key}>
      <Tools log={log} state={state} find={find} plain={plain} setPlain={setPlain} full={() => void fullscreen(pane.current)} />
      <Notes state={state} />
      <div className="log-frame">
        {plain ? <PlainText log={log} /> : <div className="log-host" ref={host} />}
        {plain ? null : <Jump log={log} state={state} />}
      </div>
    </div>
  );
}

function nextTimes(times: Times): Times {
  return TIMES[(TIMES.indexOf(times) + 1) % TIMES.length] as Times;
}

async function fullscreen(pane: HTMLElement | null) {
  if (document.fullscreenElement) await document.exitFullscreen();
  else await pane?.requestFullscreen();
}

async function copySelected(log: LogController) {
  await navigator.clipboard.writeText(await log.selectedText());
}

function useAnnouncements(state: LogState) {
  const t = useLogText();
  const { language } = usePrefs();
  const { connection, resumed, search } = state;
  useEffect(() => {
    if (connection === "lost") announce(t("log.lost"));
    else if (connection === "open" && resumed) announce(t("log.resumed"));
  }, [connection, resumed, t]);
  const found = search && !search.busy ? countOf(t, language, state) : "";
  useEffect(() => {
    if (found) announce(found);
  }, [found]);
}

function countOf(t: ReturnType<typeof useLogText>, language: "en" | "zh", { search }: LogState): string {
  if (!search || search.busy || search.error) return "";
  if (!search.total) return t("log.none");
  return t("log.count", { at: number(language, search.index + 1), total: number(language, search.total) });
}

function Notes({ state }: { state: LogState }) {
  const t = useLogText();
  const { connection, error, search } = state;
  return (
    <>
      {connection === "lost" ? <Note tone="wait" text={t("log.lost")} /> : null}
      {connection === "open" && state.resumed ? <Note tone="good" text={t("log.resumed")} /> : null}
      {error ? <Note tone="bad" text={t("log.failed", { why: error.message })} /> : null}
      {search?.error ? <Note tone="bad" text={search.error.message} /> : null}
    </>
  );
}

const NOTE_ICONS = { wait: <DisconnectOutlined />, good: <CheckCircleFilled />, bad: <CloseCircleFilled /> };

function Note({ tone, text }: { tone: "wait" | "good" | "bad"; text: string }) {
  return (
    <p className={`log-note pill-${tone}`}>
      <span aria-hidden="true">{NOTE_ICONS[tone]}</span> {text}
    </p>
  );
}

function Jump({ log, state }: { log: LogController; state: LogState }) {
  const t = useLogText();
  if (state.follow || !state.connection || state.connection === "ended") return null;
  return (
    <Button className="log-jump" type="primary" icon={<ArrowDownOutlined />} onClick={() => log.setFollow(true)}>
      {state.fresh ? t("log.jumpNew", { n: state.fresh }) : t("log.jump")}
    </Button>
  );
}

interface ToolsProps {
  log: LogController;
  state: LogState;
  find: React.RefObject<HTMLInputElement | null>;
  plain: boolean;
  setPlain: (plain: boolean) => void;
  full: () => void;
}

function Tools({ log, state, find, plain, setPlain, full }: ToolsProps) {
  const t = useLogText();
  const live = state.connection !== null && state.connection !== "ended";
  return (
    <div className="log-tools" role="toolbar" aria-label={t("log.tools")}>
      <Find log={log} state={state} input={find} />
      {live ? (
        <Toggle on={state.follow} label={t("log.follow")} hint={t("log.followHint")} icon={<VerticalAlignBottomOutlined />} set={(on) => log.setFollow(on)} />
      ) : null}
      <Toggle on={state.grouped} label={t("log.group")} hint={t("log.groupHint")} icon={<GroupOutlined />} set={(on) => log.setGrouped(on)} />
      <Toggle on={state.wrap} label={t("log.wrap")} hint={t("log.wrapHint")} set={(on) => log.setWrap(on)} />
      <TimesMenu log={log} times={state.times} />
      {state.selected ? <Selected log={log} /> : null}
      <Toggle on={plain} name={t("log.plain")} hint={t("log.plainHint")} icon={<FileTextOutlined />} set={setPlain} />
      <Tooltip title={t("log.download")}>
        <Button icon={<DownloadOutlined />} aria-label={t("log.download")} href={log.source.textAddress({ platform: state.platform ?? undefined })} download={`build-${log.source.build}.log`} />
      </Tooltip>
      <Tooltip title={t("log.full")}>
        <Button icon={<FullscreenOutlined />} aria-label={t("log.full")} onClick={full} />
      </Tooltip>
    </div>
  );
}

interface ToggleProps {
  on: boolean;
  /** Words on it, or the name of one that has an icon alone. */
  label?: string;
  name?: string;
  hint: string;
  icon?: ReactNode;
  set: (on: boolean) => void;
}

function Toggle({ on, label, name, hint, icon, set }: ToggleProps) {
  return (
    <Tooltip title={hint}>
      <Button aria-pressed={on} aria-label={name} icon={icon} onClick={() => set(!on)}>
        {label}
      </Button>
    </Tooltip>
  );
}

function TimesMenu({ log, times }: { log: LogController; times: Times }) {
  const t = useLogText();
  const items = TIMES.map((key) => ({ key, label: t(`log.times.${key}`) }));
  return (
    <Dropdown trigger={["click"]} menu={{ items, selectable: true, selectedKeys: [times], onClick: (e) => log.setTimes(e.key as Times) }}>
      <Button icon={<ClockCircleOutlined />}>
        {t("log.times")} <DownOutlined />
      </Button>
    </Dropdown>
  );
}

function Selected({ log }: { log: LogController }) {
  const t = useLogText();
  const act = async () => {
    try {
      await copySelected(log);
      announce(t("log.copied"));
    } catch {
      announce(t("log.copyFailed"));
    }
  };
  return <Button onClick={() => void act()}>{t("log.copy")}</Button>;
}

function Find({ log, state, input }: { log: LogController; state: LogState; input: React.RefObject<HTMLInputElement | null> }) {
  const t = useLogText();
  const { language } = usePrefs();
  const [text, setText] = useState("");
  const [regex, setRegex] = useState(false);
  const [exact, setExact] = useState(false);
  const { search } = state;
  const first = useRef(true);

  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    const timer = setTimeout(() => void log.find({ text, regex, ignoreCase: !exact }), 200);
    return () => clearTimeout(timer);
  }, [log, text, regex, exact]);

  const key = (e: KeyboardEvent) => {
    if (e.key === "Enter") void log.findNext(e.shiftKey ? -1 : 1);
    else if (e.key === "Escape") setText("");
    else return;
    e.preventDefault();
  };
  const none = !search?.total;
  return (
    <search className="log-find">
      <Input
        ref={(ref) => {
          input.current = ref?.input ?? null;
        }}
        prefix={<SearchOutlined />}
        placeholder={t("log.find")}
        aria-label={t("log.find")}
        value={text}
        maxLength={1000}
        onChange={(e) => setText(e.target.value)}
        onKeyDown={key}
      />
      <Toggle on={exact} label="Aa" name={t("log.case")} hint={t("log.case")} set={setExact} />
      <Toggle on={regex} label=".*" name={t("log.regex")} hint={t("log.regex")} set={setRegex} />
      {search ? (
        <>
          <span className="log-count">{search.busy ? "…" : countOf(t, language, state)}</span>
          <Button icon={<ArrowUpOutlined />} aria-label={t("log.previous")} disabled={none} onClick={() => void log.findNext(-1)} />
          <Button icon={<ArrowDownOutlined />} aria-label={t("log.next")} disabled={none} onClick={() => void log.findNext(1)} />
        </>
      ) : null}
    </search>
  );
}
