// What the image is and how to pull it.
import type { ReactNode } from "react";
import type { Manifest } from "../../api";
import { Facts, Section } from "../../ui/page";
import { PullCommands } from "../../ui/pull";
import { Digest, Size, Time } from "../../ui/values";
import { fieldsOf, pairsOf, parse, textOf, textsOf } from "./parts";
import { useText } from "./text";

function Texts({ items }: { items: string[] }) {
  if (items.length === 0) return <span className="quiet">–</span>;
  return (
    <ul className="image-list">
      {items.map((item, i) => (
        <li key={i}>
          <code>{item}</code>
        </li>
      ))}
    </ul>
  );
}

const one = (value: string | null) => <Texts items={value ? [value] : []} />;
const inOrder = (value: unknown) => (textsOf(value).length > 0 ? JSON.stringify(textsOf(value)) : null);

function useImageFacts(image: Manifest): Array<[string, ReactNode]> {
  const t = useText();
  const content = parse(image.config?.content);
  const config = fieldsOf(content.config);
  const created = textOf(content.created);
  return [
    [t("image.created"), <Time key="v" at={created && !Number.isNaN(Date.parse(created)) ? created : null} />],
    [t("image.author"), one(textOf(content.author))],
    [t("image.entrypoint"), one(inOrder(config.Entrypoint))],
    [t("image.cmd"), one(inOrder(config.Cmd))],
    [t("image.workdir"), one(textOf(config.WorkingDir))],
    [t("image.user"), one(textOf(config.User))],
    [t("image.ports"), <Texts key="v" items={Object.keys(fieldsOf(config.ExposedPorts))} />],
    [t("image.volumes"), <Texts key="v" items={Object.keys(fieldsOf(config.Volumes))} />],
    [t("image.env"), <Texts key="v" items={textsOf(config.Env)} />],
    [t("image.labels"), <Texts key="v" items={pairsOf(config.Labels).map(([name, value]) => `${name}=${value}`)} />],
  ];
}

function useStoredFacts(top: Manifest, image: Manifest): Array<[string, ReactNode]> {
  const t = useText();
  const facts: Array<[string, ReactNode]> = [];
  if (top !== image) {
    facts.push([t("image.indexDigest"), <Digest key="v" digest={top.digest} />], [t("image.indexType"), one(top.mediaType)]);
  }
  const artifactType = textOf(parse(image.content).artifactType);
  facts.push([t("image.manifestDigest"), <Digest key="v" digest={image.digest} />], [t("image.manifestType"), one(image.mediaType)]);
  if (artifactType) facts.push([t("image.artifactType"), one(artifactType)]);
  if (image.config) {
    facts.push(
      [t("image.configDigest"), <Digest key="v" digest={image.config.digest} />],
      [t("image.configType"), one(image.config.mediaType)],
    );
  }
  facts.push([t("image.size"), <Size key="v" bytes={image.layers.reduce((sum, layer) => sum + layer.size, image.config?.size ?? 0)} />]);
  return facts;
}

interface OverviewProps {
  repository: string;
  reference: string;
  top: Manifest;
  image: Manifest;
}

export function Overview({ repository, reference, top, image }: OverviewProps) {
  const t = useText();
  const stored = useStoredFacts(top, image);
  const facts = useImageFacts(image);
  const annotations = pairsOf(parse(image.content).annotations).map(([name, value]) => `${name}=${value}`);
  return (
    <>
      <Section title={t(image.kind === "ARTIFACT" ? "image.artifact" : "image.stored")}>
        {image.kind === "ARTIFACT" ? <p>{t("image.artifactText")}</p> : null}
        <Facts items={annotations.length > 0 ? [...stored, [t("image.annotations"), <Texts key="v" items={annotations} />]] : stored} />
      </Section>
      {image.kind === "IMAGE" ? (
        <Section title={t("image.config")}>
          <Facts items={facts} />
        </Section>
      ) : null}
      {image.kind === "ARTIFACT" ? null : (
        <Section title={t("image.pull")}>
          <div className="stack">
            <PullCommands repository={repository} reference={reference} />
            {reference === image.digest ? null : (
              <div className="stack-small">
                <h3>{t("image.pullThis")}</h3>
                <PullCommands repository={repository} reference={image.digest} />
              </div>
            )}
          </div>
        </Section>
      )}
    </>
  );
}
