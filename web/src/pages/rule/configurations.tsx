// Step Build Configurations: architectures, build parameters, and how a build behaves.
import { DeleteOutlined, PlusOutlined } from "@ant-design/icons";
import { Button, Checkbox, Form, Input, InputNumber, Select } from "antd";
import { useWorkers } from "../../queries";
import { PLATFORMS } from "../../ui/domain";
import { MAX_ARGS } from "./draft";
import type { StepProps } from "./information";
import { useText } from "./text";

/** How a platform would be built now; empty when the workers may not be seen. */
function useHow() {
  const t = useText();
  const workers = useWorkers().data;
  return (platform: string): string => {
    if (!workers) return "";
    const able = workers
      .filter((worker) => worker.online && !worker.draining)
      .flatMap((worker) => worker.platforms.filter((p) => p.platform === platform));
    if (able.length === 0) return t("rule.noWorker");
    return t(able.some((p) => p.native) ? "rule.native" : "rule.emulated");
  };
}

function Architectures({ draft, change }: StepProps) {
  const t = useText();
  const how = useHow();
  const set = (platform: string, on: boolean) =>
    change({ platforms: PLATFORMS.filter((p) => (p === platform ? on : draft.platforms.includes(p))) });
  return (
    <fieldset className="plain-set">
      <legend>{t("rule.architecture")}</legend>
      <div className="tiles">
        {PLATFORMS.map((platform) => (
          <Checkbox
            key={platform}
            checked={draft.platforms.includes(platform)}
            onChange={(event) => set(platform, event.target.checked)}
          >
            <span className="strong">{platform}</span>
            <br />
            <span className="hint">{how(platform)}</span>
          </Checkbox>
        ))}
        <Checkbox disabled>
          <span>windows/amd64</span>
          <br />
          <span className="hint">{t("rule.unsupported")}</span>
        </Checkbox>
      </div>
      {draft.platforms.length === 0 ? (
        <p className="no" role="alert">
          {t("rule.onePlatform")}
        </p>
      ) : (
        <p className="hint">{t("rule.architectureText")}</p>
      )}
    </fieldset>
  );
}

function Parameters({ draft, change }: StepProps) {
  const t = useText();
  const args = draft.buildArgs;
  const set = (i: number, part: Partial<{ name: string; value: string }>) =>
    change({ buildArgs: args.map((arg, k) => (k === i ? { ...arg, ...part } : arg)) });
  return (
    <fieldset className="plain-set">
      <legend>{t("rule.parameters")}</legend>
      <div className="stack-small">
        {args.map((arg, i) => (
          <div key={`arg-${i + 1}`} className="argument">
            <Input
              className="mono"
              value={arg.name}
              placeholder={t("rule.key")}
              aria-label={t("rule.keyOf", { n: i + 1 })}
              autoCapitalize="none"
              spellCheck={false}
              status={arg.name && !/^[A-Za-z_]\w*$/.test(arg.name) ? "error" : undefined}
              onChange={(event) => set(i, { name: event.target.value })}
            />
            <Input
              className="mono"
              value={arg.value}
              placeholder={t("rule.value")}
              aria-label={t("rule.valueOf", { n: i + 1 })}
              autoCapitalize="none"
              spellCheck={false}
              onChange={(event) => set(i, { value: event.target.value })}
            />
            <Button
              type="text"
              icon={<DeleteOutlined aria-hidden />}
              aria-label={t("rule.removeArgument", { n: i + 1 })}
              onClick={() => change({ buildArgs: args.filter((_, k) => k !== i) })}
            />
          </div>
        ))}
        <div>
          <Button
            icon={<PlusOutlined aria-hidden />}
            disabled={args.length >= MAX_ARGS}
            onClick={() => change({ buildArgs: [...args, { name: "", value: "" }] })}
          >
            {t("rule.addParameter")}
          </Button>
        </div>
      </div>
      <p className="hint">{t("rule.parametersText", { n: args.length })}</p>
    </fieldset>
  );
}

export function Configurations({ draft, change }: StepProps) {
  const t = useText();
  return (
    <>
      <Architectures draft={draft} change={change} />
      <Parameters draft={draft} change={change} />
      <div className="pair">
        <Form.Item name="policy" label={t("rule.policy")}>
          <Select
            options={[
              { value: "all", label: t("rule.policyAll") },
              { value: "best_effort", label: t("rule.policyBest") },
              // Which are required is said by the command line or the API only.
              ...(draft.policy === "required" ? [{ value: "required", label: t("rule.policyRequired") }] : []),
            ]}
          />
        </Form.Item>
        <Form.Item name="newerPush" label={t("rule.newerPush")}>
          <Select
            options={[
              { value: "cancel", label: t("rule.newerCancel") },
              { value: "wait", label: t("rule.newerWait") },
            ]}
          />
        </Form.Item>
        <Form.Item name="timeLimitMinutes" label={t("rule.timeLimit")}>
          <InputNumber min={1} max={1440} className="full" />
        </Form.Item>
      </div>
      <Form.Item name="rebuildOnBaseUpdate" valuePropName="checked" extra={t("rule.onBaseText")}>
        <Checkbox>{t("rule.onBase")}</Checkbox>
      </Form.Item>
    </>
  );
}
