import {
  adapt
} from "../shared-NEDPS56S.js";
import "../shared-OMCUL2HY.js";
import "../shared-MH75CZ2H.js";

// src/adapters/auth0-spa.ts
function fromAuth0(client, options = {}) {
  const account = async () => (await client.getUser())?.sub ?? null;
  return adapt({
    name: "auth0-spa-js",
    async now() {
      const [user, token] = [await account(), await client.getTokenSilently({ ...options, cacheMode: "cache-only" })];
      return user === null ? null : { account: user, token: token ?? null };
    },
    async renew() {
      const got = await client.getTokenSilently({ ...options, cacheMode: "off", detailedResponse: true });
      const user = await account();
      return got && user !== null ? { account: user, token: got.access_token, expiresIn: got.expires_in } : null;
    },
    code(error) {
      const { error: code, name } = error;
      return /^(missing_refresh_token|mfa_required)$/.test(code) ? "login_required" : code ?? name;
    },
    remedy: "the provider answers from a cache"
  });
}
export {
  fromAuth0
};
