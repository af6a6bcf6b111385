// Retention in the settings of a repository: rules are written and tried before they are switched on.
import { useQueryClient } from "@tanstack/react-query";
import { Alert, Button } from "antd";
import { useCallback, useEffect, useRef, useState } from "react";
import { useLocation } from "react-router";
import { api, path, type Repository, type Retention, type RetentionPolicy } from "../../../api";
import * as format from "../../../i18n/format";
import { usePrefs } from "../../../prefs";
import { useChange, useRetention } from "../../../queries";
import { announce } from "../../../ui/announce";
import { useConfirm } from "../../../ui/confirm";
import { Facts, Section } from "../../../ui/page";
import { Pill } from "../../../ui/pill";
import { ProblemAlert, Shown } from "../../../ui/states";
import { Time } from "../../../ui/values";
import { Editor } from "./editor";
import { type Draft, draftOf, isEmpty, isStored, isWhole, requestOf } from "./model";
import { Preview, type Seen } from "./preview";
import { useText } from "./text";
import "./retention.css";

function LastRun({ run }: { run: Retention["lastRun"] }) {
  const t = useText();
  if (!run) return <span className="quiet">{t("retention.noRun")}</span>;
  return (
    <>
      <Time at={run.endedAt} /> {run.by ? t("retention.by", { name: run.by }) : null}
      <br />
      {t("retention.removed", { tags: run.tags, manifests: run.manifests, blobs: run.blobs })}
      {run.error ? <Alert type="error" showIcon title={run.error.text} description={<code>{run.error.code}</code>} /> : null}
    </>
  );
}

function Status({ stored }: { stored: Retention }) {
  const t = useText();
  const tone = stored.running ? "run" : stored.enabled ? "good" : "off";
  const word = stored.running ? "retention.running" : stored.enabled ? "retention.on" : "retention.off";
  return (
    <Facts
      items={[
        [t("retention.state"), <Pill tone={tone}>{t(word, { n: stored.running?.tags ?? 0 })}</Pill>],
        [t("retention.last"), <LastRun run={stored.lastRun} />],
        [t("retention.next"), stored.nextRunAt ? <Time at={stored.nextRunAt} ahead /> : <span className="quiet">–</span>],
      ]}
    />
  );
}

interface ActionsProps {
  name: string;
  stored: Retention;
  draft: Draft;
  /** Of what the editor holds, once it was looked at. */
  seen: Seen | null;
}

function useRun(name: string, seen: Seen | null) {
  const t = useText();
  const { language } = usePrefs();
  const confirm = useConfirm();
  const run = useChange(
    (_: undefined) => api.post<Retention>(`${path`repositories/${name}`}/retention:run`),
    [["repositories", name, "retention"]],
    () => announce(t("retention.begun")),
  );
  return () =>
    confirm({
      title: t("retention.runTitle", { name }),
      text: t("retention.runText", {
        n: seen?.numbers.go ?? 0,
        manifests: seen?.numbers.untagged.manifests ?? 0,
        size: format.size(language, (seen?.numbers.bytes ?? 0) + (seen?.numbers.untagged.bytes ?? 0)),
      }),
      ok: t("retention.run"),
      act: () => run.mutateAsync(undefined),
    });
}

function useRemove(name: string) {
  const t = useText();
  const confirm = useConfirm();
  const remove = useChange(
    (_: undefined) => api.remove<void>(path`repositories/${name}/retention`),
    [["repositories", name, "retention"]],
    () => announce(t("retention.deleted")),
  );
  return () =>
    confirm({
      title: t("retention.deleteTitle"),
      text: t("retention.deleteText"),
      ok: t("retention.delete"),
      act: () => remove.mutateAsync(undefined),
    });
}

function Actions({ name, stored, draft, seen }: ActionsProps) {
  const t = useText();
  const save = useChange(
    (policy: RetentionPolicy) => api.put<Retention>(path`repositories/${name}/retention`, policy),
    [["repositories", name, "retention"]],
    ({ enabled }) => announce(t(enabled ? "retention.savedOn" : "retention.savedOff")),
  );
  const run = useRun(name, seen);
  const remove = useRemove(name);
  const there = isStored(draft, stored);
  const usable = isWhole(draft) && seen !== null;
  const why = !isWhole(draft) ? "retention.half" : isEmpty(draft) ? "retention.empty" : seen === null ? "retention.lookFirst" : null;
  return (
    <>
      {save.error ? <ProblemAlert error={save.error} /> : null}
      <div className="form-buttons">
        <Button
          type="primary"
          disabled={!usable || there || (stored.enabled && isEmpty(draft))}
          loading={save.isPending}
          onClick={() => save.mutate(requestOf(draft, stored.enabled))}
        >
          {t("retention.save")}
        </Button>
        {stored.enabled ? (
          <Button onClick={() => save.mutate(requestOf(draftOf(stored), false))}>{t("retention.switchOff")}</Button>
        ) : (
          <Button disabled={!usable || isEmpty(draft)} onClick={() => save.mutate(requestOf(draft, true))}>
            {t("retention.switchOn")}
          </Button>
        )}
        <Button disabled={!usable || !there || isEmpty(draft) || stored.running !== null} onClick={run}>
          {t("retention.run")}
        </Button>
        {stored.updatedAt ? (
          <Button danger onClick={remove}>
            {t("retention.delete")}
          </Button>
        ) : null}
      </div>
      <p className="hint" role="status">
        {why ? t(why) : there ? "" : t("retention.unsaved")}
      </p>
    </>
  );
}

/** When a run has ended the tags are others. */
function useEndOfRun(name: string, running: boolean) {
  const client = useQueryClient();
  const before = useRef(running);
  useEffect(() => {
    if (before.current && !running) void client.invalidateQueries({ queryKey: ["repositories", name, "tags"] });
    before.current = running;
  }, [running, client, name]);
}

function Policy({ name, stored }: { name: string; stored: Retention }) {
  const [draft, setDraft] = useState(() => draftOf(stored));
  const [seen, setSeen] = useState<Seen | null>(null);
  const see = useCallback((next: Seen | null) => setSeen(next), []);
  const policy = requestOf(draft, false);
  useEndOfRun(name, stored.running !== null);
  return (
    <>
      <Status stored={stored} />
      <Editor draft={draft} change={(part) => setDraft((old) => ({ ...old, ...part }))} />
      <Actions name={name} stored={stored} draft={draft} seen={seen} />
      <Preview name={name} stored={stored} policy={policy} whole={isWhole(draft)} see={see} />
    </>
  );
}

export function Retained({ repository }: { repository: Repository }) {
  const t = useText();
  const { hash } = useLocation();
  const place = useRef<HTMLDivElement>(null);
  const name = repository.fullName;
  const query = useRetention(name);
  const there = query.data !== undefined;
  useEffect(() => {
    if (!there || hash !== "#retention") return;
    // Behind the frame of the page, which begins at the top.
    const frame = requestAnimationFrame(() => place.current?.scrollIntoView());
    return () => cancelAnimationFrame(frame);
  }, [there, hash]);
  return (
    <div ref={place} id="retention">
      <Section title={t("retention.title")}>
        <p className="hint">{t("retention.lead")}</p>
        <Shown query={query}>{(stored) => <Policy key={stored.updatedAt} name={name} stored={stored} />}</Shown>
      </Section>
    </div>
  );
}
