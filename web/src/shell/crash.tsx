// A page that threw: says so, and keeps the rest of the console.
import { Alert, Button } from "antd";
import { useCommon } from "../i18n/common";

export function Crash() {
  const t = useCommon();
  return (
    <main className="alone">
      <Alert
        type="error"
        showIcon
        role="alert"
        title={t("common.crashTitle")}
        description={t("common.crashRemedy")}
        action={<Button onClick={() => location.reload()}>{t("common.reload")}</Button>}
      />
    </main>
  );
}
