// What is done with a build: cancel, build again, retry.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "react-router";
import { api, type ApiError, type Build, path } from "../../api";
import { buildUrl } from "../../urls";

export type Verb = "cancel" | "rerun" | "retry";

/** Does something with the build, or one platform of it, and goes to the record that it made. */
export function useAct(build: Build, repository: string) {
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation<Build, ApiError, { verb: Verb; platform?: string }>({
    mutationFn: ({ verb, platform }) => api.post<Build>(`${path`builds/${build.id}`}:${verb}`, platform ? { platform } : {}),
    onSuccess: async (result) => {
      if (result.id !== build.id) await navigate(buildUrl(repository, result.id));
      else client.setQueryData(["builds", build.id], result);
      await client.invalidateQueries({ queryKey: ["builds"] });
    },
  });
}
