// What one may, for pages.
import { Alert } from "antd";
import type { ReactNode } from "react";
import type { Repository } from "../api";
import { useCommon } from "../i18n/common";
import { useNamespaces } from "../queries";
import { may, type Role } from "../roles";
import { useMe } from "../session";

/** May one make repositories and code sources anywhere? */
export function useMayMake(): boolean {
  const me = useMe();
  const namespaces = useNamespaces().data;
  return Boolean(me?.admin || namespaces?.some((namespace) => may(namespace, "maintain")));
}

/** Has one the role in the namespace of this? Nobody has while it is asked for. */
export function useMayIn(namespace: string, least: Role): boolean {
  return may(
    useNamespaces().data?.find(({ name }) => name === namespace),
    least,
  );
}

/** A page for those who have the role; others read which one it takes, and who gives it. */
export function NeedsRole({ place, least, children }: { place: Repository; least: Role; children: ReactNode }) {
  const t = useCommon();
  if (may(place, least)) return children;
  return (
    <Alert
      type="info"
      showIcon
      title={t("common.roleTitle", { role: t(`common.role.${least}`), name: place.fullName })}
      description={t("common.roleText", { role: t(`common.role.${place.role}`), namespace: place.namespace })}
    />
  );
}

/** A page for administrators of the server; others read that it is. */
export function AdminsOnly({ children }: { children: ReactNode }) {
  const t = useCommon();
  if (useMe()?.admin) return children;
  return <Alert type="info" showIcon title={t("common.adminTitle")} description={t("common.adminText")} />;
}
