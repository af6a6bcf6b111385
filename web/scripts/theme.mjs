// Ant Design's tokens for both themes; src/app.css has the same colours as custom properties.
import { createRequire } from "node:module";

const { theme } = createRequire(import.meta.url)("antd");

const SHARED = {
  borderRadius: 6,
  fontFamily: 'system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif',
  fontFamilyCode: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
  controlHeight: 34,
};

const LIGHT = {
  ...SHARED,
  colorPrimary: "#1d4ed8",
  colorLink: "#1d4ed8",
  colorInfo: "#1d4ed8",
  colorError: "#c0271a",
  colorErrorText: "#b42318",
  colorSuccess: "#14713d",
  colorWarning: "#a15c00",
  // Made from the dark colours that texts need, these would be grey.
  colorSuccessBg: "#e2f4e9",
  colorSuccessBorder: "#8fc9a6",
  colorWarningBg: "#fbf0d9",
  colorWarningBorder: "#dcb872",
  colorText: "#1b1f27",
  colorTextSecondary: "#505866",
  colorTextTertiary: "#5d6675",
  colorTextDescription: "#5d6675",
  colorTextPlaceholder: "#656e7d",
  colorTextQuaternary: "#7d8695",
  colorTextDisabled: "#6c7482",
  colorBorder: "#8b94a3",
  colorBorderSecondary: "#dfe3ea",
  colorBgLayout: "#f5f6f8",
};

const DARK = {
  ...SHARED,
  colorPrimary: "#3b6ff5",
  colorLink: "#8fb1ff",
  colorInfo: "#8fb1ff",
  colorError: "#f0655a",
  colorErrorText: "#ff9a90",
  colorSuccess: "#4cc27f",
  colorWarning: "#e0a33e",
  colorText: "#e8eaef",
  colorTextSecondary: "#b3bac6",
  colorTextTertiary: "#a3abb8",
  colorTextDescription: "#a3abb8",
  colorTextPlaceholder: "#949dab",
  colorTextQuaternary: "#7f8898",
  colorTextDisabled: "#8a93a2",
  colorBorder: "#697386",
  colorBorderSecondary: "#2e3440",
  colorBgBase: "#14171d",
  colorBgLayout: "#0e1015",
  colorBgContainer: "#171a21",
  colorBgElevated: "#1e222b",
};

// The one that is open, in a colour that text may have.
const LIGHT_TABS = { itemSelectedColor: "#1d4ed8", itemHoverColor: "#1d4ed8", inkBarColor: "#1d4ed8" };
const DARK_TABS = { itemSelectedColor: "#8fb1ff", itemHoverColor: "#8fb1ff", inkBarColor: "#8fb1ff" };

export function antdTheme({ dark = false, motion = true } = {}) {
  return {
    algorithm: dark ? theme.darkAlgorithm : theme.defaultAlgorithm,
    token: { ...(dark ? DARK : LIGHT), motion },
    components: { Tabs: dark ? DARK_TABS : LIGHT_TABS },
    cssVar: { key: "kiln" },
    hashed: false,
  };
}
