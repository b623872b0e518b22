import {
  createKeyturn
} from "./shared-7FSBBCGT.js";
import {
  installFetch
} from "./shared-SPKURCA2.js";
import {
  KeyturnError,
  installXhr
} from "./shared-O3WRY6E3.js";
import "./shared-FJSELP7O.js";
import "./shared-AOES6CGM.js";
import "./shared-FPVI63QI.js";
export {
  KeyturnError,
  createKeyturn,
  installFetch,
  installXhr
};
