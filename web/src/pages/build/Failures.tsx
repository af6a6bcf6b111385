// Why the build failed: for each architecture the code, the last lines of its step, what to do, and the way to the line.
import { useQuery } from "@tanstack/react-query";
import { Alert, Button } from "antd";
import type { Build, BuildJob, BuildStep } from "../../api";
import { plainText } from "../../log/ansi";
import type { LogLine } from "../../log/cache";
import type { LogController } from "../../log/controller";
import { useBuildText } from "./text";

const LAST = 20;
const KNOWN = ["STEP_FAILED", "DF_MISSING", "DF_INVALID", "DF_CONTEXT", "BASE_NOT_FOUND", "BASE_DENIED", "LIMIT", "TIME_LIMIT", "UNAVAILABLE", "WORKER", "WORKER_LOST"];

interface Props {
  build: Build;
  steps: BuildStep[];
  log: LogController;
  showLine: (n: number) => void;
}

export function Failures({ build, steps, log, showLine }: Props) {
  const failed = build.jobs.filter((j) => j.error);
  if (failed.length) {
    return (
      <div className="build-failures">
        {failed.map((job) => (
          <Failure key={job.platform} job={job} step={failedStep(steps, job.platform)} log={log} showLine={showLine} />
        ))}
      </div>
    );
  }
  return build.error ? <Remedied code={build.error.code} title={build.error.text} /> : null;
}

function failedStep(steps: BuildStep[], platform: string): BuildStep | undefined {
  return steps.findLast((s) => s.state === "failed" && s.platforms.includes(platform));
}

function Failure({ job, step, log, showLine }: { job: BuildJob; step?: BuildStep; log: LogController; showLine: (n: number) => void }) {
  const t = useBuildText();
  const lines = useQuery({
    queryKey: ["builds", log.source.build, "last", step?.step, job.attempt],
    queryFn: ({ signal }) => log.source.tail(LAST, { step: step?.step ?? 0 }, signal),
    enabled: step !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const error = job.error ?? { code: "", text: "" };
  const last = worst(lines.data?.lines ?? []);
  const title = step ? t("build.failedAt", { platform: job.platform, line: step.line }) : t("build.failedOn", { platform: job.platform });
  return (
    <Remedied code={error.code} title={title}>
      <p className="build-why">{error.text.split("\n")[0]}</p>
      {lines.data?.lines.length ? (
        // A box that scrolls must be reachable by keyboard.
        <pre className="build-last" tabIndex={0} role="group" aria-label={t("build.lastLines")}>
          {lines.data.lines.map((l) => plainText(l.text)).join("\n")}
        </pre>
      ) : null}
      {last ? (
        <Button onClick={() => showLine(last.n)}>
          {t("build.jump", { n: last.n + 1 })}
        </Button>
      ) : null}
    </Remedied>
  );
}

/** The line to look at: the last that speaks of an error, or else the last. */
function worst(lines: LogLine[]): LogLine | undefined {
  return lines.findLast((l) => /\b(error|fatal|failed|not found)\b/i.test(l.text)) ?? lines.findLast((l) => l.text.trim() !== "") ?? lines[lines.length - 1];
}

function Remedied({ code, title, children }: { code: string; title: string; children?: React.ReactNode }) {
  const t = useBuildText();
  const remedy = KNOWN.includes(code) ? t(`build.remedy.${code}` as "build.remedy.LIMIT") : null;
  return (
    <Alert
      className="problem"
      type="error"
      showIcon
      title={title}
      description={
        <>
          {children}
          {remedy ? (
            <p className="build-remedy">
              <strong>{t("build.remedy")}:</strong> {remedy}
            </p>
          ) : null}
          <code className="problem-code">{code}</code>
        </>
      }
    />
  );
}
