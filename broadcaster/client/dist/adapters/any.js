import {
  adapt,
  opaque
} from "../shared-NEDPS56S.js";
import "../shared-OMCUL2HY.js";
import {
  readToken
} from "../shared-MH75CZ2H.js";

// src/adapters/any.ts
var name = "getToken";
var signed = (given) => {
  if (given === null) return null;
  const { token, expiresIn } = typeof given === "string" ? { token: given } : given;
  const claims = readToken(token);
  if (!claims) throw opaque(name);
  return { account: JSON.stringify([claims.iss, claims.sub]), token, expiresIn };
};
function fromFunction(getToken) {
  return adapt({
    name,
    now: async () => signed(await getToken({ fresh: false })),
    renew: async () => signed(await getToken({ fresh: true })),
    code: (error) => error.error ?? error.name,
    remedy: "called with {fresh: true} it must go past its cache"
  });
}
export {
  fromFunction
};
