// The first-run wizard: password, address, storage, workers, and a first image. Every step can be done again.
import { useQueryClient } from "@tanstack/react-query";
import { Alert, Button } from "antd";
import { useNavigate } from "react-router";
import type { Instance } from "../../api";
import { workerChecks } from "../../health";
import { useInstance, useWorkers } from "../../queries";
import { AddressHealth, Checks, StorageHealth } from "../../ui/checks";
import { useParam } from "../../ui/cursor";
import { Page } from "../../ui/page";
import { Shown } from "../../ui/states";
import { StepList } from "../../ui/steps";
import { FirstImage } from "./image";
import { Password } from "./password";
import { useText } from "./text";

const STEPS = ["password", "address", "storage", "workers", "image"] as const;
type Step = (typeof STEPS)[number];

function Workers() {
  const query = useWorkers();
  return <Shown query={query}>{(workers) => <Checks items={workerChecks(workers)} />}</Shown>;
}

function Content({ step, instance, next }: { step: Step; instance: Instance; next: () => void }) {
  switch (step) {
    case "password":
      return <Password done={next} />;
    case "address":
      return <AddressHealth instance={instance} />;
    case "storage":
      return <StorageHealth instance={instance} />;
    case "workers":
      return <Workers />;
    case "image":
      return <FirstImage />;
  }
}

export default function Setup() {
  const t = useText();
  const navigate = useNavigate();
  const [step, setStep] = useParam("step", "1");
  const at = Math.min(STEPS.length, Math.max(1, Number(step) || 1)) - 1;
  const current = STEPS[at] as Step;
  const query = useInstance();
  const client = useQueryClient();
  const go = (to: number) => (to < STEPS.length ? setStep(String(to + 1)) : void navigate("/"));
  return (
    <Page title={t("setup.title")} lead={t("setup.lead")}>
      <div className="section">
        <StepList label={t("setup.title")} names={STEPS.map((name) => t(`setup.${name}`))} at={at} go={go} />
        <Shown query={query}>
          {(instance) => (
            <div className="stack">
              <p>{t(`setup.${current}.text`)}</p>
              <Content step={current} instance={instance} next={() => go(at + 1)} />
              {at > 0 && current !== "image" ? (
                <Alert
                  type="info"
                  title={t("setup.again")}
                  action={
                    <Button size="small" onClick={() => void client.invalidateQueries()}>
                      {t("setup.look")}
                    </Button>
                  }
                />
              ) : null}
              <div className="form-buttons">
                {at > 0 ? <Button onClick={() => go(at - 1)}>{t("setup.back")}</Button> : null}
                <Button type={at > 0 ? "primary" : "default"} onClick={() => go(at + 1)}>
                  {t(at === 0 ? "setup.keep" : at < STEPS.length - 1 ? "setup.next" : "setup.finish")}
                </Button>
              </div>
            </div>
          )}
        </Shown>
      </div>
    </Page>
  );
}
