import {
  createKeyturn
} from "./shared-VN7HHAOX.js";
import {
  installFetch
} from "./shared-SPKURCA2.js";
import {
  installXhr
} from "./shared-R7B7PCPZ.js";
import "./shared-QUPL2Z4M.js";
import "./shared-X6BDFIB5.js";
import {
  KeyturnError
} from "./shared-OMCUL2HY.js";
import "./shared-FJSELP7O.js";
import "./shared-MH75CZ2H.js";
import "./shared-FPVI63QI.js";
export {
  KeyturnError,
  createKeyturn,
  installFetch,
  installXhr
};
