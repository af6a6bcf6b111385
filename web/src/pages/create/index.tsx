// Create Repository: a wizard of two steps, and what to do with what it made.
import { Alert, Button } from "antd";
import { useRef } from "react";
import { useNavigate } from "react-router";
import { useChange, useSource } from "../../queries";
import { useParam } from "../../ui/cursor";
import { useDraft } from "../../ui/draft";
import { Facts, Page } from "../../ui/page";
import { StepList } from "../../ui/steps";
import { Command, CopyButton } from "../../ui/values";
import { repositoryUrl } from "../../urls";
import { FIRST, type Made, make } from "./draft";
import { InfoStep } from "./info";
import { SourceStep } from "./source";
import { useText } from "./text";

function Copyable({ text, what }: { text: string; what: string }) {
  return (
    <>
      <code>{text}</code> <CopyButton text={text} what={what} />
    </>
  );
}

function Done({ made }: { made: Made }) {
  const t = useText();
  const navigate = useNavigate();
  const source = useSource(made.binding?.sourceId).data;
  const name = made.repository?.fullName ?? "";
  const secrets: Array<[string, React.ReactNode]> = [];
  if (made.source?.hookUrl) {
    secrets.push([t("create.hookUrl"), <Copyable key="u" text={made.source.hookUrl} what={t("create.hookUrl")} />]);
  }
  if (made.source?.hookSecret) {
    secrets.push([t("create.hookSecret"), <Copyable key="s" text={made.source.hookSecret} what={t("create.hookSecret")} />]);
  }
  if (made.source?.sshPublicKey) {
    secrets.push([t("create.publicKey"), <Copyable key="k" text={made.source.sshPublicKey} what={t("create.publicKey")} />]);
  }
  return (
    <div className="form stack">
      <Alert type="success" showIcon role="status" title={t("create.done", { name })} />
      {secrets.length > 0 ? (
        <>
          <p>{t("create.hookText")}</p>
          <Facts items={secrets} />
        </>
      ) : null}
      {source?.provider === "KILN" ? (
        <>
          <p>{t("create.pushText")}</p>
          <Command what={t("create.pushCommand")} text={`git remote add kiln ${source.url}\ngit push kiln main`} />
        </>
      ) : null}
      <div className="form-buttons">
        <Button type="primary" onClick={() => void navigate(repositoryUrl(name, made.binding ? "build" : "info"))}>
          {t("create.open")}
        </Button>
      </div>
    </div>
  );
}

export default function CreateRepository() {
  const t = useText();
  const [draft, change, forget] = useDraft("kiln.create", FIRST, ["secret"]);
  const [step, setStep] = useParam("step", "1");
  const made = useRef<Made>({});
  const create = useChange(() => make(draft, made.current), [["repositories"], ["sources"]], forget);
  const at = step === "2" && draft.name ? 1 : 0;
  const done = create.data;
  return (
    <Page title={t("create.title")} crumbs={[{ text: t("create.repositories"), to: "/repositories" }]}>
      <div className="section">
        {done ? (
          <Done made={done} />
        ) : (
          <>
            <StepList
              label={t("create.title")}
              names={[t("create.info"), t("create.source")]}
              at={at}
              go={(i) => setStep(String(i + 1))}
            />
            {at === 0 ? (
              <InfoStep draft={draft} change={change} next={() => setStep("2")} />
            ) : (
              <SourceStep
                draft={draft}
                change={change}
                back={() => setStep("1")}
                create={() => create.mutate(undefined)}
                busy={create.isPending}
                error={create.error}
              />
            )}
          </>
        )}
      </div>
    </Page>
  );
}
