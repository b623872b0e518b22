import {
  installFetch
} from "./shared-SPKURCA2.js";
import {
  installXhr
} from "./shared-7GSOKCYN.js";
import "./shared-AOES6CGM.js";
import "./shared-FPVI63QI.js";
export {
  installFetch,
  installXhr
};
