// Top bar, left navigation, content: the frame around every page of somebody who is signed in.
import { MenuOutlined, SearchOutlined } from "@ant-design/icons";
import { Button, Drawer } from "antd";
import { useCallback, useEffect, useRef, useState } from "react";
import { Link, Outlet, useLocation, useMatches, useNavigate } from "react-router";
import mark from "../mark.svg";
import { useSession } from "../session";
import { LiveRegion } from "../ui/announce";
import { useOnce } from "../ui/once";
import { ProblemAlert } from "../ui/states";
import { ConnectionBanner } from "./connection";
import { AccountMenu, LanguageMenu, ThemeMenu } from "./menus";
import { Nav } from "./nav";
import { Running } from "./running";
import { Search, useSearchKey } from "./search";
import { Shortcuts, useShortcut } from "./shortcuts";
import { SignIn } from "./signin";
import { useShell } from "./text";

function useGoKeys(search: () => void) {
  const t = useShell();
  const navigate = useNavigate();
  useShortcut("/", t("shell.searchKey"), search);
  useShortcut("g h", t("shell.goHome"), () => void navigate("/"));
  useShortcut("g r", t("shell.goRepositories"), () => void navigate("/repositories"));
  useShortcut("g b", t("shell.goBuilds"), () => void navigate("/builds"));
  useShortcut("g i", t("shell.goInstances"), () => void navigate("/instances"));
}

/** The handle of a route whose page needs no session. */
export const OPEN = { open: true };

function Mark() {
  const t = useShell();
  return (
    <Link to="/" className="mark" aria-label={t("shell.product")}>
      <img src={mark} alt="" width={26} height={26} />
      <span>kiln</span>
    </Link>
  );
}

function TopBar({ onSearch }: { onSearch: () => void }) {
  const t = useShell();
  const [open, setOpen] = useState(false);
  const opened = useOnce(open);
  const { pathname } = useLocation();
  useEffect(() => setOpen(false), [pathname]);
  return (
    <header className="topbar">
      <Button
        className="menu-button"
        type="text"
        icon={<MenuOutlined aria-hidden />}
        aria-label={t("shell.menu")}
        aria-expanded={open}
        onClick={() => setOpen(true)}
      />
      <Mark />
      <Button className="search-button" icon={<SearchOutlined aria-hidden />} onClick={onSearch} aria-label={t("shell.searchHint")}>
        <span className="search-text">{t("shell.searchHint")}</span>
        <kbd>/</kbd>
      </Button>
      <div className="topbar-end">
        <Running />
        <LanguageMenu />
        <ThemeMenu />
        <AccountMenu />
      </div>
      {opened ? (
        <Drawer open={open} onClose={() => setOpen(false)} placement="left" size={280} title={t("shell.mainNav")}>
          <Nav />
        </Drawer>
      ) : null}
    </header>
  );
}

function Frame() {
  const t = useShell();
  const main = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  const [searching, setSearching] = useState(false);
  const search = useCallback(() => setSearching(true), []);
  useSearchKey(search);
  useGoKeys(search);
  useEffect(() => {
    window.scrollTo(0, 0);
  }, [pathname]);
  return (
    <>
      {/* A button, as a link to #main would go to the base address. */}
      <button type="button" className="skip" onClick={() => main.current?.focus()}>
        {t("shell.skip")}
      </button>
      <TopBar onSearch={search} />
      <div className="body">
        <aside className="side">
          <Nav />
        </aside>
        <main ref={main} tabIndex={-1} className="main">
          <ConnectionBanner />
          <Outlet />
        </main>
      </div>
      <Search open={searching} onClose={() => setSearching(false)} />
      <Shortcuts />
    </>
  );
}

/** Around a page that needs no session, of somebody who has none. */
function OpenFrame() {
  const t = useShell();
  const navigate = useNavigate();
  return (
    <>
      <header className="topbar">
        <Mark />
        <div className="topbar-end">
          <LanguageMenu />
          <ThemeMenu />
          <Button onClick={() => void navigate("/")}>{t("shell.signIn")}</Button>
        </div>
      </header>
      <main className="main">
        <Outlet />
      </main>
    </>
  );
}

/** The frame, or the sign-in page at the same address, so that signing in goes on where one was. */
export function Layout() {
  const session = useSession();
  const open = useMatches().some((match) => match.handle === OPEN);
  const content = () => {
    if (session.data) return <Frame />;
    if (session.data === null) return open ? <OpenFrame /> : <SignIn />;
    if (session.error) return <main className="alone"><ProblemAlert error={session.error} retry={() => void session.refetch()} /></main>;
    return null;
  };
  return (
    <>
      {content()}
      <LiveRegion />
    </>
  );
}
