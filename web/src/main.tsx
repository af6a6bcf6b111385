import "./antd/antd.css";
import "./app.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { App, ConfigProvider } from "antd";
import enUS from "antd/es/locale/en_US";
import zhCN from "antd/es/locale/zh_CN";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { RouterProvider } from "react-router/dom";
import { client } from "./client";
import { nonce } from "./nonce";
import { usePrefs } from "./prefs";
import { makeRouter } from "./routes";
import { askSession, watchSession } from "./session";

type Router = ReturnType<typeof makeRouter>;

function Console({ router }: { router: Router }) {
  const { language } = usePrefs();
  return (
    <ConfigProvider
      csp={{ nonce }}
      locale={language === "zh" ? zhCN : enUS}
      button={{ autoInsertSpace: false }}
    >
      <App component={false}>
        <QueryClientProvider client={client}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </App>
    </ConfigProvider>
  );
}

/** The script of the first page is here. */
function ready(router: Router) {
  if (router.state.initialized) return Promise.resolve();
  return new Promise<void>((resolve) => {
    const stop = router.subscribe(({ initialized }) => {
      if (!initialized) return;
      stop();
      resolve();
    });
  });
}

async function start() {
  watchSession(client);
  const router = makeRouter();
  // One render with all there is, in place of three of which two show nothing.
  await Promise.all([askSession(client), ready(router)]);
  const root = document.getElementById("root");
  if (!root) return;
  createRoot(root).render(
    <StrictMode>
      <Console router={router} />
    </StrictMode>,
  );
}

// Once this script has run: a browser that is watched parses all that runs a second time for the place of each request's start.
queueMicrotask(() => void start());
