// The left navigation: the instance's pages, or those of the repository that one is in.
import {
  AppstoreOutlined,
  AuditOutlined,
  BarChartOutlined,
  BranchesOutlined,
  ArrowLeftOutlined,
  BuildOutlined,
  CloudServerOutlined,
  ClusterOutlined,
  DatabaseOutlined,
  FileTextOutlined,
  FolderOutlined,
  HistoryOutlined,
  HomeOutlined,
  SettingOutlined,
  TagsOutlined,
  TeamOutlined,
  ThunderboltOutlined,
} from "@ant-design/icons";
import type { ReactNode } from "react";
import { Link, NavLink, useLocation } from "react-router";
import { useRepository } from "../queries";
import { may } from "../roles";
import { useMe } from "../session";
import { splitRepositoryPath, repositoryUrl } from "../urls";
import { useShell } from "./text";

interface Item {
  to: string;
  text: string;
  icon: ReactNode;
  end?: boolean;
}

function Items({ items }: { items: Item[] }) {
  return (
    <ul>
      {items.map((item) => (
        <li key={item.to}>
          <NavLink to={item.to} end={item.end}>
            <span aria-hidden="true">{item.icon}</span>
            {item.text}
          </NavLink>
        </li>
      ))}
    </ul>
  );
}

/** The pages of the instance, in groups; only those that one may see. */
export function usePlaces(): { instance: Item[]; repository: Item[]; administration: Item[] } {
  const t = useShell();
  const admin = useMe()?.admin;
  return {
    instance: [
      { to: "/", text: t("shell.home"), icon: <HomeOutlined />, end: true },
      { to: "/instances", text: t("shell.instances"), icon: <ClusterOutlined /> },
    ],
    repository: [
      { to: "/repositories", text: t("shell.repositories"), icon: <DatabaseOutlined /> },
      { to: "/namespaces", text: t("shell.namespaces"), icon: <FolderOutlined /> },
      { to: "/builds", text: t("shell.builds"), icon: <HistoryOutlined /> },
      { to: "/insights", text: t("shell.insights"), icon: <BarChartOutlined /> },
      { to: "/sources", text: t("shell.sources"), icon: <BranchesOutlined /> },
    ],
    administration: admin
      ? [
          { to: "/users", text: t("shell.users"), icon: <TeamOutlined /> },
          { to: "/workers", text: t("shell.workers"), icon: <CloudServerOutlined /> },
          { to: "/audit", text: t("shell.audit"), icon: <AuditOutlined /> },
          { to: "/settings", text: t("shell.instanceSettings"), icon: <SettingOutlined /> },
        ]
      : [],
  };
}

/** Every page that is no repository's, for those who look for one by its name. */
export function usePages(): Array<{ to: string; text: string }> {
  const t = useShell();
  const places = usePlaces();
  const own = [
    { text: t("shell.accountPage"), to: "/account" },
    { text: t("shell.reference"), to: "/docs/api" },
  ];
  return [...places.instance, ...places.repository, ...own, ...places.administration];
}

function InstanceNav() {
  const t = useShell();
  const places = usePlaces();
  return (
    <nav aria-label={t("shell.mainNav")} className="nav">
      <Items items={places.instance} />
      <h2>{t("shell.repository")}</h2>
      <Items items={places.repository} />
      {places.administration.length > 0 ? (
        <>
          <h2>{t("shell.administration")}</h2>
          <Items items={places.administration} />
        </>
      ) : null}
    </nav>
  );
}

function RepositoryNav({ name }: { name: string }) {
  const t = useShell();
  const repository = useRepository(name).data;
  const items: Item[] = [{ to: repositoryUrl(name, "info"), text: t("shell.details"), icon: <FileTextOutlined /> }];
  if (repository?.canBuild) items.push({ to: repositoryUrl(name, "build"), text: t("shell.build"), icon: <BuildOutlined /> });
  items.push({ to: repositoryUrl(name, "versions"), text: t("shell.versions"), icon: <TagsOutlined /> });
  const maintains = may(repository, "maintain");
  if (maintains) items.push({ to: repositoryUrl(name, "triggers"), text: t("shell.triggers"), icon: <ThunderboltOutlined /> });
  items.push({ to: repositoryUrl(name, "insights"), text: t("shell.insights"), icon: <BarChartOutlined /> });
  if (maintains) items.push({ to: repositoryUrl(name, "settings"), text: t("shell.settings"), icon: <SettingOutlined /> });
  return (
    <nav aria-label={t("shell.repositoryNav", { name })} className="nav">
      <Link to="/repositories" className="nav-back">
        <ArrowLeftOutlined aria-hidden="true" /> {t("shell.allRepositories")}
      </Link>
      <p className="nav-name">
        <AppstoreOutlined aria-hidden="true" /> {name}
      </p>
      <Items items={items} />
    </nav>
  );
}

export function Nav() {
  const place = splitRepositoryPath(useLocation().pathname);
  return place ? <RepositoryNav name={place.name} /> : <InstanceNav />;
}
