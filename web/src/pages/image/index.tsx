// One version: what a tag or a digest names, for each platform.
import { Select, Tabs } from "antd";
import { Link } from "react-router";
import type { Manifest, TagImage } from "../../api";
import { useManifest } from "../../queries";
import { useShell } from "../../shell/text";
import { useParam } from "../../ui/cursor";
import { Page } from "../../ui/page";
import { Nothing, Shown } from "../../ui/states";
import { CopyLink, shortDigest } from "../../ui/values";
import { compareUrl, manifestUrl, repositoryUrl, shortDigestUrl } from "../../urls";
import { useCrumbs } from "../repository/crumbs";
import { useScope } from "../repository/scope";
import "./image.css";
import { Layers } from "./Layers";
import { Overview } from "./Overview";
import { chosenOf, keyOf } from "./parts";
import { Stored } from "./Stored";
import { useText } from "./text";

interface VersionProps {
  repository: string;
  reference: string;
  top: Manifest;
}

function PlatformField({ images, chosen }: { images: TagImage[]; chosen: TagImage }) {
  const t = useText();
  const [, setPlatform] = useParam("platform");
  return (
    <Select
      className="filter"
      aria-label={t("image.platform")}
      value={keyOf(chosen, images)}
      onChange={setPlatform}
      options={images.map((image) => {
        const key = keyOf(image, images);
        return { value: key, label: key === image.platform ? key : `${image.platform ?? t("image.artifact")} ${shortDigest(image.digest)}` };
      })}
    />
  );
}

function Views({ repository, reference, top, image }: VersionProps & { image: Manifest }) {
  const t = useText();
  const [view, setView] = useParam("view", "overview");
  const others = top === image ? [] : top.images.filter((other) => other.digest !== image.digest);
  const overview =
    image.kind === "INDEX" ? (
      <Nothing title={t("image.innerIndex")}>
        <Link to={manifestUrl(repository, image.digest)}>{t("image.open")}</Link>
      </Nothing>
    ) : (
      <Overview repository={repository} reference={reference} top={top} image={image} />
    );
  return (
    <Tabs
      className="image-views"
      activeKey={view}
      onChange={setView}
      destroyOnHidden
      items={[
        { key: "overview", label: t("image.view.overview"), children: overview },
        { key: "layers", label: t("image.view.layers"), children: <Layers repository={repository} image={image} others={others} /> },
        { key: "manifest", label: t("image.view.manifest"), children: <Stored top={top} image={image} /> },
      ]}
    />
  );
}

function OfIndex({ repository, reference, top }: VersionProps) {
  const t = useText();
  const [platform] = useParam("platform");
  const chosen = chosenOf(top.images, platform);
  const query = useManifest(repository, chosen?.digest);
  if (!chosen) {
    return (
      <>
        <Nothing title={t("image.emptyIndex")} />
        <Stored top={top} image={undefined} />
      </>
    );
  }
  return (
    <>
      <div className="toolbar">
        <PlatformField images={top.images} chosen={chosen} />
      </div>
      <Shown query={query}>{(image) => <Views repository={repository} reference={reference} top={top} image={image} />}</Shown>
    </>
  );
}

export default function Version() {
  const t = useText();
  const { repository, params } = useScope();
  const name = repository.fullName;
  const reference = params.tag ?? params.digest ?? "";
  const query = useManifest(name, reference);
  const shell = useShell();
  const crumbs = [...useCrumbs(name), { text: shell("shell.versions"), to: repositoryUrl(name, "versions") }];
  return (
    <Page
      title={params.tag ?? shortDigest(reference)}
      crumbs={crumbs}
      actions={
        <>
          <Link to={compareUrl(name, "", reference)}>{t("image.compare")}</Link>
          {query.data ? <CopyLink to={shortDigestUrl(query.data.digest)} what={t("image.link")} /> : null}
        </>
      }
    >
      <Shown query={query}>
        {(top) =>
          top.kind === "INDEX" ? (
            <OfIndex repository={name} reference={reference} top={top} />
          ) : (
            <Views repository={name} reference={reference} top={top} image={top} />
          )
        }
      </Shown>
    </Page>
  );
}
