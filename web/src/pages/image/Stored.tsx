// The stored texts, each with its digest checked here.
import { CheckCircleFilled, CloseCircleFilled, DownloadOutlined, QuestionCircleOutlined } from "@ant-design/icons";
import { useQuery } from "@tanstack/react-query";
import { Button } from "antd";
import type { Manifest } from "../../api";
import { download } from "../../ui/download";
import { Section } from "../../ui/page";
import { CopyButton, Digest } from "../../ui/values";
import { useText } from "./text";
import { canVerify, digestOf } from "./verify";

interface StoredText {
  title: string;
  digest: string;
  content: string;
}

function Verified({ digest, content }: { digest: string; content: string }) {
  const t = useText();
  const { data, error } = useQuery({
    queryKey: ["digest", digest, content],
    queryFn: () => digestOf(digest.split(":")[0] ?? "", content),
    enabled: canVerify(),
    retry: false,
    gcTime: 0,
  });
  if (!canVerify() || error) {
    return (
      <span className="pill pill-off">
        <QuestionCircleOutlined aria-hidden /> {t(error ? "image.unknownAlgorithm" : "image.insecure")}
      </span>
    );
  }
  if (data === undefined) return null;
  return data === digest ? (
    <span className="pill pill-good">
      <CheckCircleFilled aria-hidden /> {t("image.verified")}
    </span>
  ) : (
    <span className="pill pill-bad" role="alert">
      <CloseCircleFilled aria-hidden /> {t("image.mismatch")}
    </span>
  );
}

function formatted(content: string): string {
  try {
    return JSON.stringify(JSON.parse(content), null, 2);
  } catch {
    return content;
  }
}

function Document({ title, digest, content }: StoredText) {
  const t = useText();
  return (
    <Section
      title={title}
      actions={
        <>
          <CopyButton text={content} what={title} label={t("image.copy")} />
          <Button
            size="small"
            icon={<DownloadOutlined aria-hidden />}
            aria-label={t("image.downloadOf", { name: title })}
            onClick={() => download(`${digest.replace(":", "-")}.json`, "application/json", content)}
          >
            {t("image.download")}
          </Button>
        </>
      }
    >
      <div className="row">
        <Digest digest={digest} />
        <Verified digest={digest} content={content} />
      </div>
      {/* A box that scrolls must be reachable by keyboard. */}
      <pre className="image-json" tabIndex={0} role="group" aria-label={title}>
        <code>{formatted(content)}</code>
      </pre>
    </Section>
  );
}

export function Stored({ top, image }: { top: Manifest; image: Manifest | undefined }) {
  const t = useText();
  const config = image?.config;
  return (
    <>
      <p className="lead">{t("image.bytesText")}</p>
      {top === image ? null : <Document title={t("image.index")} digest={top.digest} content={top.content} />}
      {image ? <Document title={t("image.manifest")} digest={image.digest} content={image.content} /> : null}
      {typeof config?.content === "string" ? (
        <Document title={t("image.configuration")} digest={config.digest} content={config.content} />
      ) : null}
    </>
  );
}
