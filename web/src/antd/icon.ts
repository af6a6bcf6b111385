// In place of Ant Design's own antd/es/theme/util/useResetIconStyle: antd.css has that too.
export default () => () => null;
