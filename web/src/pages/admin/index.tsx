export { default } from "../notfound";
