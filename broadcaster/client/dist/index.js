import {
  createKeyturn
} from "./shared-EDTUO7MN.js";
import {
  installFetch
} from "./shared-SPKURCA2.js";
import {
  KeyturnError,
  installXhr
} from "./shared-7GSOKCYN.js";
import "./shared-FJSELP7O.js";
import "./shared-AOES6CGM.js";
import "./shared-FPVI63QI.js";
export {
  KeyturnError,
  createKeyturn,
  installFetch,
  installXhr
};
