// Repository > Details: what it is, how to get its image, what happened last.
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Repository } from "../../api";
import en from "../../i18n/details.en.json";
import { useDomain } from "../../i18n/domain";
import { textOf } from "../../i18n/text";
import zh from "../../i18n/details.zh.json";
import { Markdown } from "../../markdown/shown";
import { useBinding, useBuilds, useSource, useTags } from "../../queries";
import { Platforms, Ref, RepositoryType, useBuildSentence } from "../../ui/domain";
import { Facts, Page, Section } from "../../ui/page";
import { imageAddress, PullCommands } from "../../ui/pull";
import { Nothing, Shown } from "../../ui/states";
import { Table } from "../../ui/table";
import { Command, Commit, CopyButton, Digest, StatePill, Time } from "../../ui/values";
import { buildUrl, repositoryUrl } from "../../urls";
import { useCrumbs } from "../repository/crumbs";
import { useScope } from "../repository/scope";

const useText = textOf(en, zh);
const FEW = 5;

function Overview({ repository }: { repository: Repository }) {
  const t = useText();
  const d = useDomain();
  const binding = useBinding(repository.fullName, repository.canBuild).data;
  const source = useSource(binding?.sourceId).data;
  const address = imageAddress(repository.fullName, "").slice(0, -1);
  const code: ReactNode = binding ? (
    <>
      {d(`domain.source.${binding.provider as "GIT"}`)}: <code>{source?.url ?? binding.source}</code>
      {source?.url ? <CopyButton text={source.url} what={t("details.source")} /> : null}
    </>
  ) : (
    t("details.noSource")
  );
  const facts: Array<[string, ReactNode]> = [
    [
      t("details.address"),
      <span key="a">
        <code>{address}</code>
        <CopyButton text={address} what={t("details.address")} />
      </span>,
    ],
    [t("details.type"), <RepositoryType key="t" type={repository.type} />],
    [t("details.version"), t(repository.immutable ? "details.immutable" : "details.mutable")],
    [t("details.accelerated"), t(repository.accelerated ? "details.on" : "details.off")],
    [t("details.source"), code],
    [t("details.created"), <Time key="c" at={repository.createdAt} />],
  ];
  return (
    <Section title={t("details.overview")}>
      <Facts items={facts} />
    </Section>
  );
}

function Description({ text }: { text: string }) {
  const t = useText();
  return (
    <Section title={t("details.description")}>
      <Markdown text={text} level={2} />
    </Section>
  );
}

function Get({ repository }: { repository: Repository }) {
  const t = useText();
  const tags = useTags(repository.fullName, { limit: FEW });
  const source = useSource(repository.source?.sourceId).data;
  const image = imageAddress(repository.fullName, "latest");
  return (
    <Section title={t("details.versions")} actions={<Link to={repositoryUrl(repository.fullName, "versions")}>{t("details.all")}</Link>}>
      <Shown query={tags} rows={3}>
        {({ items }) =>
          items[0] ? (
            <div className="stack">
              <PullCommands repository={repository.fullName} reference={items[0].name} />
              <Table
                caption={t("details.versions")}
                rows={items}
                rowKey={(tag) => tag.name}
                columns={[
                  { title: t("details.tag"), render: (tag) => <code className="strong">{tag.name}</code> },
                  { title: t("details.digest"), narrow: true, render: (tag) => <Digest digest={tag.digest} /> },
                  {
                    title: t("details.architectures"),
                    render: (tag) => <Platforms platforms={tag.platforms.flatMap((p) => p.platform ?? [])} />,
                  },
                  { title: t("details.pushed"), narrow: true, render: (tag) => <Time at={tag.updatedAt} /> },
                ]}
              />
            </div>
          ) : (
            <Nothing title={t("details.empty")}>
              <p>{t("details.emptyText")}</p>
              <Command
                what={t("details.pushCommand")}
                text={
                  source?.provider === "KILN"
                    ? `git remote add kiln ${source.url}\ngit push kiln main`
                    : `docker tag IMAGE ${image}\ndocker push ${image}`
                }
              />
            </Nothing>
          )
        }
      </Shown>
    </Section>
  );
}

function Builds({ name }: { name: string }) {
  const t = useText();
  const sentence = useBuildSentence();
  const builds = useBuilds({ repository: name, limit: FEW });
  return (
    <Section title={t("details.builds")} actions={<Link to={repositoryUrl(name, "build")}>{t("details.all")}</Link>}>
      <Shown query={builds} rows={3}>
        {({ items }) =>
          items.length > 0 ? (
            <Table
              caption={t("details.builds")}
              rows={items}
              rowKey={(build) => build.id}
              columns={[
                {
                  title: t("details.state"),
                  render: (build) => (
                    <Link to={buildUrl(name, build.id)} className="plain">
                      <StatePill state={build.status} sentence={sentence(build)} />
                    </Link>
                  ),
                },
                {
                  title: t("details.ref"),
                  render: (build) => (
                    <>
                      <Ref name={build.ref} /> <Commit id={build.commit} />
                    </>
                  ),
                },
                { title: t("details.started"), narrow: true, render: (build) => <Time at={build.createdAt} /> },
              ]}
            />
          ) : (
            <p className="quiet">{t("details.noBuilds")}</p>
          )
        }
      </Shown>
    </Section>
  );
}

export default function Details() {
  const { repository } = useScope();
  const crumbs = useCrumbs(repository.fullName);
  return (
    <Page title={repository.fullName} crumbs={crumbs.slice(0, 1)} lead={repository.summary || undefined}>
      <Overview repository={repository} />
      {repository.description.trim() ? <Description text={repository.description} /> : null}
      <Get repository={repository} />
      {repository.canBuild ? <Builds name={repository.fullName} /> : null}
    </Page>
  );
}
