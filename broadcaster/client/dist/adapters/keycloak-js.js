import {
  adapt,
  misfit
} from "../shared-NEDPS56S.js";
import "../shared-OMCUL2HY.js";
import "../shared-MH75CZ2H.js";

// src/adapters/keycloak-js.ts
function fromKeycloak(keycloak) {
  const now = async () => {
    const { authenticated, subject, token, tokenParsed, timeSkew } = keycloak;
    if (!authenticated || !token) return null;
    const expiresIn = tokenParsed?.exp && typeof timeSkew === "number" ? tokenParsed.exp - Date.now() / 1e3 + timeSkew : void 0;
    return { account: subject ?? "", token, expiresIn };
  };
  return adapt({
    name: "keycloak-js",
    now,
    async renew() {
      if (!keycloak.refreshToken) {
        throw misfit("keycloak-js", "there is no refresh token: sign in with the flow 'standard', and let the client have refresh tokens");
      }
      const { onAuthLogout } = keycloak;
      let left = false;
      keycloak.onAuthLogout = () => {
        left = true;
        onAuthLogout?.call(keycloak);
      };
      try {
        await keycloak.updateToken(-1);
      } finally {
        keycloak.onAuthLogout = onAuthLogout;
      }
      if (!left) return now();
      keycloak.clearToken();
      return null;
    },
    code(error) {
      const { response, name } = error;
      const codes = { 400: "invalid_grant", 401: "invalid_client", 403: "unauthorized_client" };
      return response ? codes[response.status] ?? `status_${response.status}` : name;
    },
    remedy: "the server answers from a cache"
  });
}
export {
  fromKeycloak
};
