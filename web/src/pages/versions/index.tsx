// Repository > Image Version: the tags, and for the one that is open its digest list and pull commands.
import { DownOutlined, RightOutlined } from "@ant-design/icons";
import { Button, Select } from "antd";
import { Link } from "react-router";
import type { Repository, Tag, TagImage } from "../../api";
import { useRetention, useTags } from "../../queries";
import { may } from "../../roles";
import { repositoryUrl, versionUrl } from "../../urls";
import { CursorPager, useParam } from "../../ui/cursor";
import { Platforms } from "../../ui/domain";
import { Page } from "../../ui/page";
import { imageAddress, PullCommands } from "../../ui/pull";
import { SearchField } from "../../ui/search";
import { Nothing, Shown } from "../../ui/states";
import { type Column, Table } from "../../ui/table";
import { Command, CopyButton, Digest, Size, Time } from "../../ui/values";
import { useCrumbs } from "../repository/crumbs";
import { useScope } from "../repository/scope";
import { TagActions } from "./actions";
import { Chosen, useChooseColumn } from "./choose";
import { useText } from "./text";

const PAGE_SIZE = 25;

const total = (tag: Tag) => tag.platforms.reduce((sum, image) => sum + (image.totalSize ?? 0), 0);

function DigestList({ repository, tag }: { repository: string; tag: Tag }) {
  const t = useText();
  const columns: Column<TagImage>[] = [
    { title: t("version.platform"), render: (image) => image.platform ?? t("version.artifact") },
    { title: t("version.digest"), narrow: true, render: (image) => <Digest digest={image.digest} /> },
    { title: t("version.layers"), narrow: true, render: (image) => image.layers ?? "–" },
    { title: t("version.size"), narrow: true, render: (image) => <Size bytes={image.totalSize} /> },
    {
      title: t("version.pull"),
      narrow: true,
      render: (image) => (
        <CopyButton
          text={`docker pull ${imageAddress(repository, image.digest)}`}
          what={t("version.pullOf", { name: image.platform ?? image.digest })}
        />
      ),
    },
  ];
  return <Table caption={t("version.digests", { name: tag.name })} columns={columns} rows={tag.platforms} rowKey={(i) => i.digest} />;
}

function Opened({ repository, tag }: { repository: string; tag: Tag }) {
  return (
    <div className="opened">
      <PullCommands repository={repository} reference={tag.name} />
      <DigestList repository={repository} tag={tag} />
    </div>
  );
}

function useColumns(repository: Repository, tags: Tag[]): Column<Tag>[] {
  const t = useText();
  const [open, setOpen] = useParam("tag", "", { narrows: false });
  const choose = useChooseColumn();
  const sharing = (tag: Tag) => tags.filter((other) => other !== tag && other.digest === tag.digest).length;
  const columns: Column<Tag>[] = [
    choose,
    {
      title: t("version.tag"),
      render: (tag) => (
        <div className="row">
          <Button
            type="text"
            size="small"
            icon={tag.name === open ? <DownOutlined aria-hidden /> : <RightOutlined aria-hidden />}
            aria-label={t("version.digests", { name: tag.name })}
            aria-expanded={tag.name === open}
            onClick={() => setOpen(tag.name === open ? "" : tag.name)}
          />
          <Link to={versionUrl(repository.fullName, tag.name)} className="strong">
            <code>{tag.name}</code>
          </Link>
        </div>
      ),
    },
    { title: t("version.digest"), narrow: true, render: (tag) => <Digest digest={tag.digest} /> },
    {
      title: t("version.architectures"),
      render: (tag) => <Platforms platforms={tag.platforms.flatMap((image) => image.platform ?? [])} />,
    },
    { title: t("version.size"), narrow: true, render: (tag) => <Size bytes={total(tag)} /> },
    { title: t("version.pushed"), narrow: true, render: (tag) => <Time at={tag.updatedAt} /> },
  ];
  if (!may(repository, "develop")) return columns;
  return [
    ...columns,
    {
      title: t("version.actions"),
      narrow: true,
      render: (tag) => <TagActions repository={repository} tag={tag} sharing={sharing(tag)} />,
    },
  ];
}

function Tags({ repository, tags }: { repository: Repository; tags: Tag[] }) {
  const t = useText();
  const [open] = useParam("tag");
  const columns = useColumns(repository, tags);
  return (
    <Table
      caption={t("version.title")}
      columns={columns}
      rows={tags}
      rowKey={(tag) => tag.name}
      below={(tag) => (tag.name === open ? <Opened repository={repository.fullName} tag={tag} /> : null)}
    />
  );
}

function SortField() {
  const t = useText();
  const [sort, setSort] = useParam("sort", "name");
  return (
    <Select
      className="filter"
      aria-label={t("version.sort")}
      value={sort}
      onChange={setSort}
      options={[
        { value: "name", label: t("version.byName") },
        { value: "updated", label: t("version.byChange") },
      ]}
    />
  );
}

/** Where old tags go by themselves: which ones. */
function RetentionLink({ repository }: { repository: Repository }) {
  const t = useText();
  const retention = useRetention(repository.fullName, may(repository, "maintain"));
  if (!retention.data?.updatedAt) return null;
  return (
    <Link to={`${repositoryUrl(repository.fullName, "settings")}#retention`} className="toolbar-link">
      {t("version.retention")}
    </Link>
  );
}

function Empty({ repository, filtered }: { repository: string; filtered: boolean }) {
  const t = useText();
  const image = imageAddress(repository, "latest");
  if (filtered) return <Nothing title={t("version.noMatch")} />;
  return (
    <Nothing title={t("version.empty")}>
      <p>{t("version.emptyText")}</p>
      <Command what={t("version.pushCommand")} text={`docker tag IMAGE ${image}\ndocker push ${image}`} />
    </Nothing>
  );
}

export default function Versions() {
  const t = useText();
  const { repository } = useScope();
  const [cursor] = useParam("cursor");
  const [q] = useParam("q");
  const [sort] = useParam("sort", "name");
  const query = useTags(repository.fullName, { q, sort, cursor, limit: PAGE_SIZE });
  return (
    <Page title={t("version.title")} crumbs={useCrumbs(repository.fullName)}>
      <div className="section">
        <div className="toolbar">
          <SearchField label={t("version.search")} />
          <SortField />
          <RetentionLink repository={repository} />
        </div>
        <Chosen repository={repository.fullName} tags={query.data?.items ?? []} />
        <Shown query={query}>
          {({ items }) =>
            items.length > 0 ? (
              <Tags repository={repository} tags={items} />
            ) : (
              <Empty repository={repository.fullName} filtered={q !== ""} />
            )
          }
        </Shown>
        <CursorPager next={query.data?.next} busy={query.isPlaceholderData} />
      </div>
    </Page>
  );
}
