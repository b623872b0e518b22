import {
  createKeyturn
} from "./shared-UKATMJ4F.js";
import {
  installFetch
} from "./shared-SPKURCA2.js";
import {
  KeyturnError,
  installXhr
} from "./shared-A7MQ6IQF.js";
import "./shared-FJSELP7O.js";
import "./shared-AOES6CGM.js";
import "./shared-FPVI63QI.js";
export {
  KeyturnError,
  createKeyturn,
  installFetch,
  installXhr
};
