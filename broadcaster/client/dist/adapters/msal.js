import {
  adapt,
  misfit
} from "../shared-NEDPS56S.js";
import "../shared-OMCUL2HY.js";
import "../shared-MH75CZ2H.js";

// src/adapters/msal.ts
var identity = /^(openid|profile|email|offline_access)$/;
var cacheOnly = 1;
function fromMsal(app, options) {
  if (!options.scopes.some((scope) => !identity.test(scope))) {
    throw new TypeError("msal: name a scope of your API in scopes, such as 'api://<client id>/access_as_user': an ID token is no access token");
  }
  const account = async () => {
    await app.initialize();
    const all = app.getAllAccounts();
    const wanted = options.account ?? app.getActiveAccount() ?? (all.length === 1 ? all[0] : null);
    if (!wanted && all.length > 1) throw misfit("msal", "several accounts are signed in and none is active: call setActiveAccount");
    return all.find(({ homeAccountId }) => homeAccountId === wanted?.homeAccountId) ?? null;
  };
  const signed = ({ account: got, accessToken, expiresOn }) => ({
    account: got?.homeAccountId ?? "",
    token: accessToken || null,
    expiresIn: expiresOn ? (expiresOn.getTime() - Date.now()) / 1e3 : void 0
  });
  return adapt({
    name: "msal",
    async now() {
      const mine = await account();
      if (!mine) return null;
      const cached = app.acquireTokenSilent({ ...options, account: mine, cacheLookupPolicy: cacheOnly });
      return { account: mine.homeAccountId, token: (await cached.catch(() => null))?.accessToken || null };
    },
    async renew() {
      const mine = await account();
      if (!mine) return null;
      const got = signed(await app.acquireTokenSilent({ ...options, account: mine, forceRefresh: true }));
      if (!got.token) throw misfit("msal", "an ID token came and no access token: name a scope of your API in scopes");
      return got;
    },
    code(error) {
      const { name, errorCode } = error;
      return name === "InteractionRequiredAuthError" || errorCode === "no_account_error" ? "interaction_required" : errorCode ?? name;
    },
    remedy: "the provider answers from a cache"
  });
}
export {
  fromMsal
};
