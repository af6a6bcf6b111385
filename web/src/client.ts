// What the server answered, kept for all pages.
import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "./api";

declare module "@tanstack/react-query" {
  interface Register {
    defaultError: ApiError;
  }
}

const worthRetrying = (error: Error) => error instanceof ApiError && error.status >= 502;

export const client = new QueryClient({
  defaultOptions: {
    queries: { networkMode: "always", staleTime: 2000, retry: (n, error) => n < 2 && worthRetrying(error) },
    mutations: { networkMode: "always" },
  },
});
