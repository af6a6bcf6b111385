// The field for a description: one writes, and looks at what becomes of it. For a form that has the value "description".
import { Form, Input } from "antd";
import { type ComponentProps, type KeyboardEvent, useId } from "react";
import { useParam } from "../ui/cursor";
import { Markdown } from "./shown";
import { useText } from "./text";

/** As LIMIT_DESCRIPTION_BYTES of the server. */
const MOST_BYTES = 16384;
const VIEWS = ["write", "preview"] as const;

const bytesOf = (text: string) => new TextEncoder().encode(text).length;

type AreaProps = Omit<ComponentProps<typeof Input.TextArea>, "value" | "onChange">;

interface ViewsProps extends AreaProps {
  value?: string;
  onChange?: (value: string) => void;
  level: number;
}

/** Ant Design's tabs are a fifth of what a page may add. What is not named here is of the form, for the text area. */
function Views({ value = "", onChange, level, ...area }: ViewsProps) {
  const t = useText();
  const id = useId();
  const [param, show] = useParam("description", "write");
  const at = param === "preview" ? "preview" : "write";
  const turn = (event: KeyboardEvent) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const other = at === "write" ? "preview" : "write";
    show(other);
    document.getElementById(`${id}${other}`)?.focus();
  };
  return (
    <>
      <div className="markdown-tabs" role="tablist" aria-label={t("markdown.description")} onKeyDown={turn}>
        {VIEWS.map((view) => (
          <button
            key={view}
            type="button"
            role="tab"
            id={id + view}
            aria-selected={view === at}
            aria-controls={`${id}panel-${view}`}
            tabIndex={view === at ? 0 : -1}
            onClick={() => show(view)}
          >
            {t(`markdown.${view}`)}
          </button>
        ))}
      </div>
      {/* Hidden, and not away: the browser forgets else what can be undone. */}
      <div role="tabpanel" id={`${id}panel-write`} aria-labelledby={`${id}write`} hidden={at !== "write"}>
        <Input.TextArea {...area} rows={8} value={value} onChange={(event) => onChange?.(event.target.value)} />
      </div>
      <div role="tabpanel" id={`${id}panel-preview`} aria-labelledby={`${id}preview`} className="markdown-preview" hidden={at !== "preview"} tabIndex={0}>
        {at === "preview" ? value.trim() ? <Markdown text={value} level={level} /> : <p className="quiet">{t("markdown.nothing")}</p> : null}
      </div>
    </>
  );
}

/** `level` is that of the heading above the form. */
export function DescriptionField({ level }: { level: number }) {
  const t = useText();
  const text: string = Form.useWatch("description") ?? "";
  const short = (_rule: unknown, value = "") =>
    bytesOf(value) > MOST_BYTES ? Promise.reject(new Error(t("markdown.long", { most: MOST_BYTES }))) : Promise.resolve();
  return (
    <Form.Item
      name="description"
      label={t("markdown.description")}
      rules={[{ validator: short }]}
      extra={t("markdown.count", { n: bytesOf(text), most: MOST_BYTES })}
    >
      <Views level={level} />
    </Form.Item>
  );
}
