import {
  KeyturnError
} from "./shared-OMCUL2HY.js";
import {
  readToken
} from "./shared-MH75CZ2H.js";

// src/adapters/adapter.ts
var over = /^(invalid_grant|(login|interaction|consent|account_selection)_required)$/;
var wrong = /^(invalid_(client|request|scope|target)|unauthorized_client|unsupported_grant_type)$/;
var misfit = (name, text) => new KeyturnError("refresh_failed", `${name}: ${text}`);
var opaque = (name) => misfit(name, "the access token is no JWT: ask for one for your own API, by its audience or scope");
function adapt(source) {
  const { name } = source;
  let mine = null;
  let subject = null;
  let last = null;
  let ended = null;
  let flight = null;
  const belongs = ({ account, token }) => {
    const claims = readToken(token);
    if (token && !claims) throw opaque(name);
    mine ??= account;
    subject ??= claims?.sub ?? null;
    return account === mine && (!claims || claims.sub === subject);
  };
  const own = async () => {
    const there = await source.now();
    if (!there) mine = subject = last = null;
    return there && belongs(there) ? there : null;
  };
  const give = ({ token, expiresIn }) => {
    last = token;
    ended = null;
    return { token: last, expiresIn };
  };
  const end = ({ token }) => {
    ended = { token };
    return last = null;
  };
  const fly = async () => {
    const before = await own();
    if (!before) return null;
    let got = null;
    let code = null;
    let lasting = null;
    try {
      got = await source.renew();
    } catch (error) {
      code = /^[\w.-]{1,64}$/.exec(String(source.code(error)))?.[0] ?? "unknown";
      if (error instanceof KeyturnError) lasting = error;
    }
    const after = await own();
    if (!after) return null;
    if (got && !belongs(got)) return end(after);
    if (got?.token && got.token !== before.token) return give(got);
    if (got) throw misfit(name, `the provider was asked, and the token is the same as before: ${source.remedy}`);
    if (after.token && after.token !== before.token) return give(after);
    if (lasting) throw lasting;
    if (code && wrong.test(code)) {
      throw misfit(name, `the provider refuses to refresh (${code}): compare the client's registration there with its settings here`);
    }
    if (code && !over.test(code)) throw new Error(`${name}: no new token (${code}), the provider could not be asked`);
    return end(after);
  };
  const refresh = () => flight ??= fly().finally(() => {
    flight = null;
  });
  return {
    async getToken() {
      const there = await own();
      if (!there || ended && ended.token === there.token) return null;
      if (there.token) return last = there.token;
      return last ?? (await refresh())?.token ?? null;
    },
    refresh
  };
}

export {
  misfit,
  opaque,
  adapt
};
