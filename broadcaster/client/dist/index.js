import {
  createKeyturn
} from "./shared-Q2C3F5XB.js";
import {
  installFetch
} from "./shared-SPKURCA2.js";
import {
  installXhr
} from "./shared-YXNQCS5B.js";
import "./shared-OU3TIYYE.js";
import "./shared-MMZBY3BK.js";
import {
  KeyturnError
} from "./shared-OMCUL2HY.js";
import "./shared-FJSELP7O.js";
import "./shared-AOES6CGM.js";
import "./shared-FPVI63QI.js";
export {
  KeyturnError,
  createKeyturn,
  installFetch,
  installXhr
};
