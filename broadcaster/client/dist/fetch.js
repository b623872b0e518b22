import {
  installFetch
} from "./shared-SPKURCA2.js";
import {
  installXhr
} from "./shared-GD3JR32A.js";
import "./shared-AOES6CGM.js";
import "./shared-FPVI63QI.js";
export {
  installFetch,
  installXhr
};
