// What can be done with the build as a whole: cancel, build again, retry what failed.
import { Button, Modal } from "antd";
import { useState } from "react";
import type { Build } from "../../api";
import { announce } from "../../ui/announce";
import { ProblemAlert } from "../../ui/states";
import { useAct } from "./act";
import { isOver } from "./model";
import { useBuildText } from "./text";

export function Actions({ build, repository }: { build: Build; repository: string }) {
  const t = useBuildText();
  const act = useAct(build, repository);
  const [asking, setAsking] = useState(false);
  const lacking = build.jobs.filter((j) => j.state === "failed" || j.state === "canceled");
  const cancel = () => {
    setAsking(false);
    act.mutate({ verb: "cancel" });
    announce(t("build.canceling"));
  };
  return (
    <>
      {isOver(build) ? (
        <>
          {lacking.length ? (
            <Button loading={act.isPending} onClick={() => act.mutate({ verb: "retry" })}>
              {t("build.retryAll", { n: lacking.length })}
            </Button>
          ) : null}
          <Button type="primary" loading={act.isPending} onClick={() => act.mutate({ verb: "rerun" })}>
            {t("build.rerun")}
          </Button>
        </>
      ) : (
        <Button danger loading={act.isPending} onClick={() => setAsking(true)}>
          {t("build.cancel")}
        </Button>
      )}
      <Modal
        open={asking}
        title={t("build.cancelTitle")}
        okText={t("build.cancel")}
        okButtonProps={{ danger: true }}
        cancelText={t("build.keep")}
        onOk={cancel}
        onCancel={() => setAsking(false)}
      >
        <p>{t("build.cancelText")}</p>
      </Modal>
      {act.error ? <ProblemAlert error={act.error} /> : null}
    </>
  );
}
