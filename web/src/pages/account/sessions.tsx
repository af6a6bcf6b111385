// The sessions of browsers, and their end.
import { Button } from "antd";
import { api, path, type Session } from "../../api";
import { useChange, useSessions } from "../../queries";
import { announce } from "../../ui/announce";
import { useConfirm } from "../../ui/confirm";
import { Section } from "../../ui/page";
import { Shown } from "../../ui/states";
import { Table } from "../../ui/table";
import { Time } from "../../ui/values";
import { agentOf } from "./agent";
import { useText } from "./text";

function useAgent() {
  const t = useText();
  return ({ userAgent }: Session): string => {
    const agent = agentOf(userAgent);
    if (!agent) return userAgent || t("account.unknownAgent");
    return agent.system ? t("account.agentOn", { browser: agent.browser, system: agent.system }) : agent.browser;
  };
}

export function Sessions() {
  const t = useText();
  const agentName = useAgent();
  const confirm = useConfirm();
  const sessions = useSessions();
  const end = useChange((id: string) => api.remove<void>(path`sessions/${id}`), [["sessions"], ["session"]], () => announce(t("account.ended")));
  const ask = (session: Session) =>
    confirm({
      title: t("account.endTitle", { agent: agentName(session) }),
      text: session.current ? t("account.endThis") : t("account.endOther", { address: session.address }),
      ok: t("account.end"),
      act: () => end.mutateAsync(session.id),
    });
  return (
    <Section title={t("account.sessions")}>
      <Shown query={sessions} rows={2}>
        {(items) => (
          <Table
            caption={t("account.sessions")}
            rows={items}
            rowKey={(s) => s.id}
            columns={[
              { title: t("account.browser"), render: (s) => <span className="given" title={s.userAgent}>{agentName(s)}</span> },
              { title: t("account.address"), narrow: true, render: (s) => <code>{s.address}</code> },
              { title: t("account.begun"), narrow: true, render: (s) => <Time at={s.createdAt} /> },
              { title: t("account.used"), narrow: true, render: (s) => (s.current ? t("account.this") : <Time at={s.usedAt} />) },
              {
                title: t("account.actions"),
                narrow: true,
                render: (s) => (
                  <div className="actions">
                    <Button type="link" danger aria-label={t("account.endNamed", { agent: agentName(s) })} onClick={() => ask(s)}>
                      {t("account.end")}
                    </Button>
                  </div>
                ),
              },
            ]}
          />
        )}
      </Shown>
    </Section>
  );
}
