import {
  engineOf,
  hasXhr,
  isStream
} from "./shared-R7B7PCPZ.js";
import "./shared-X6BDFIB5.js";
import "./shared-OMCUL2HY.js";
import "./shared-MH75CZ2H.js";
import "./shared-FPVI63QI.js";

// src/axios.ts
function viewed({ status, data, headers }) {
  const body = typeof data === "string" || data instanceof Blob || data instanceof ArrayBuffer ? data : null;
  const kept = new Headers();
  for (const name of ["content-type", "www-authenticate", "retry-after"]) {
    if (headers[name]) kept.set(name, `${headers[name]}`);
  }
  return new Response(body, { status, headers: kept });
}
function installAxios(keyturn, instance) {
  const { protects, recover } = engineOf(keyturn);
  const bare = instance.create({ transformRequest: [], transformResponse: [] });
  bare.defaults.headers = {};
  const ours = /* @__PURE__ */ new WeakMap();
  const through = (original) => async (config) => {
    const { headers, signal, cancelToken } = config;
    const gone = new AbortController();
    const cancel = (reason) => gone.abort(reason);
    cancelToken?.subscribe(cancel);
    const sent = await recover({
      method: config.method ?? "get",
      signal: signal ? AbortSignal.any([signal, gone.signal]) : gone.signal,
      replayable: !isStream(config.data),
      attempted: !!config._attemptedRefresh,
      given: headers.get("authorization") || null,
      async send(authorization) {
        const own = headers.concat(authorization ? { authorization } : {});
        try {
          return { response: await bare.request({ ...config, ...authorization === "" && { withCredentials: true }, adapter: original, headers: own, transformRequest: [], transformResponse: [] }) };
        } catch (error) {
          const { response } = error;
          if (!response) throw error;
          return { response, error };
        }
      },
      status: ({ response }) => response.status,
      view: ({ response }) => viewed(response)
    }).finally(() => cancelToken?.unsubscribe(cancel));
    sent.response.config = config;
    if (!("error" in sent)) return sent.response;
    throw Object.assign(sent.error, { config });
  };
  const id = instance.interceptors.request.use((config) => {
    const adapter = config.adapter;
    const original = ours.has(adapter) ? ours.get(adapter) : adapter;
    config.adapter = original;
    if (hasXhr() || !protects(bare.getUri(config))) return config;
    const wrapped = through(original);
    ours.set(wrapped, original);
    config.adapter = wrapped;
    return config;
  });
  return () => instance.interceptors.request.eject(id);
}
export {
  installAxios
};
