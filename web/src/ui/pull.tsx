// How to get an image: the commands for each client, by tag or digest.
import { Segmented } from "antd";
import { useState } from "react";
import { serverUrl } from "../api";
import { useDomain } from "../i18n/domain";
import { Command } from "./values";

const CLIENTS = ["docker", "podman", "containerd", "Kubernetes", "Dockerfile"] as const;
type Client = (typeof CLIENTS)[number];

export function imageAddress(repository: string, reference: string): string {
  const host = new URL(serverUrl("")).host;
  return `${host}/${repository}${reference.startsWith("sha256:") ? "@" : ":"}${reference}`;
}

function commandFor(client: Client, image: string): string {
  const plain = location.protocol === "http:";
  switch (client) {
    case "docker":
      return `docker pull ${image}`;
    case "podman":
      return `podman pull ${plain ? "--tls-verify=false " : ""}${image}`;
    case "containerd":
      return `nerdctl pull ${plain ? "--insecure-registry " : ""}${image}`;
    case "Kubernetes":
      return `containers:\n  - name: app\n    image: ${image}`;
    case "Dockerfile":
      return `FROM ${image}`;
  }
}

export function PullCommands({ repository, reference }: { repository: string; reference: string }) {
  const t = useDomain();
  const [client, setClient] = useState<Client>("docker");
  return (
    <div className="stack-small">
      <div className="scroll-x">
        <Segmented<Client> options={[...CLIENTS]} value={client} onChange={setClient} aria-label={t("domain.client")} />
      </div>
      <Command text={commandFor(client, imageAddress(repository, reference))} what={t("domain.pullCommand")} />
    </div>
  );
}
