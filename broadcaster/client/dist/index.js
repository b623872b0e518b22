import {
  createKeyturn
} from "./shared-6RSQMPWP.js";
import {
  installFetch
} from "./shared-SPKURCA2.js";
import {
  KeyturnError,
  installXhr
} from "./shared-GD3JR32A.js";
import "./shared-FJSELP7O.js";
import "./shared-AOES6CGM.js";
import "./shared-FPVI63QI.js";
export {
  KeyturnError,
  createKeyturn,
  installFetch,
  installXhr
};
