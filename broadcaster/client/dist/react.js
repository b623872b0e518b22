// src/react.ts
import { createContext, createElement, useContext, useSyncExternalStore } from "react";
var Context = createContext(null);
function KeyturnProvider({ keyturn, children }) {
  return createElement(Context.Provider, { value: keyturn }, children);
}
function useKeyturn() {
  const keyturn = useContext(Context);
  if (!keyturn) throw new Error("useKeyturn: no client: put <KeyturnProvider keyturn={…}> around the component");
  return keyturn;
}
var events = ["state", "token", "socket", "refresh", "failed", "sessionended", "episode"];
var stores = /* @__PURE__ */ new WeakMap();
function storeOf(keyturn) {
  const known = stores.get(keyturn);
  if (known) return known;
  const watchers = /* @__PURE__ */ new Set();
  let status = null;
  for (const event of events) {
    keyturn.on(event, () => {
      status = null;
      for (const changed of watchers) changed();
    });
  }
  const store = {
    subscribe(changed) {
      watchers.add(changed);
      return () => watchers.delete(changed);
    },
    snapshot: () => status ??= keyturn.status()
  };
  stores.set(keyturn, store);
  return store;
}
function useKeyturnStatus(select = (status) => status) {
  const { subscribe, snapshot } = storeOf(useKeyturn());
  const selected = () => select(snapshot());
  return useSyncExternalStore(subscribe, selected, selected);
}
export {
  KeyturnProvider,
  useKeyturn,
  useKeyturnStatus
};
