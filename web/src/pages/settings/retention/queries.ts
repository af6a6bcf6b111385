// What a policy would do.
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { api, path, type RetentionPolicy, type RetentionPreview, withQuery } from "../../../api";

const PAGE_SIZE = 500;

export interface Shown {
  decision: string;
  q: string;
}

/** What a policy would do now, page by page. `ended` is when the last run was over: then it is another answer. */
export function useRetentionPreview(name: string, policy: RetentionPolicy, shown: Shown, ended: string | null, enabled: boolean) {
  return useInfiniteQuery({
    queryKey: ["retention", name, policy, shown, ended],
    queryFn: ({ pageParam }) =>
      api.post<RetentionPreview>(
        withQuery(`${path`repositories/${name}`}/retention:preview`, { ...shown, cursor: pageParam, limit: PAGE_SIZE }),
        policy,
      ),
    initialPageParam: "",
    getNextPageParam: (last) => last.next,
    placeholderData: keepPreviousData,
    retry: false,
    enabled,
  });
}
