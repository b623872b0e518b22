import {
  adapt
} from "../shared-NEDPS56S.js";
import "../shared-OMCUL2HY.js";
import "../shared-MH75CZ2H.js";

// src/adapters/oidc-client-ts.ts
var signed = (user) => user ? { account: user.profile.sub, token: user.access_token, expiresIn: user.expires_in } : null;
function fromOidcClientTs(manager) {
  manager.stopSilentRenew();
  return adapt({
    name: "oidc-client-ts",
    now: async () => signed(await manager.getUser()),
    async renew() {
      let left = false;
      const stop = manager.events.addUserUnloaded(() => {
        left = true;
      });
      try {
        const user = await manager.signinSilent();
        if (!left) return signed(user);
        await manager.removeUser();
        return null;
      } finally {
        stop();
      }
    },
    code: (error) => error.error ?? error.name,
    remedy: "the provider answers from a cache"
  });
}
export {
  fromOidcClientTs
};
