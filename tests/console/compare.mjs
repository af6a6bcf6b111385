// All builds and the queue, and two versions compared, by mouse against real builds.
import { look } from "./browser.mjs";
import { Gate, start, TWO } from "./builds.mjs";
import { check, expect, expectEqual, waitFor } from "./check.mjs";
import { signIn } from "./flow.mjs";

const NAME = "compare/app";
const ID = encodeURIComponent(NAME);
const AT = `/repositories/${NAME}/-`;
const HOSTILE = '<img src=x onerror="kilnHit(1)">';
const FIRST = `FROM alpine
ENV KEPT=1 OLD=${JSON.stringify(HOSTILE).replaceAll("$", "")}
RUN echo one >/one
RUN echo first >/made
LABEL version="1"
EXPOSE 80
CMD ["cat", "/made"]
`;
const SECOND = `FROM alpine
ENV KEPT=1 NEW=2
RUN echo one >/one
RUN echo second >/made
RUN echo "${"<b>added</b>"}" >/added
LABEL version="2" "<u>note</u>"='${HOSTILE}'
EXPOSE 8080
USER nobody
CMD ["cat", "/added"]
`;

const button = (page, name) => page.getByRole("button", { name, exact: true });
