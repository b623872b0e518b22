import {
  installFetch
} from "./shared-SPKURCA2.js";
import {
  installXhr
} from "./shared-A7MQ6IQF.js";
import "./shared-AOES6CGM.js";
import "./shared-FPVI63QI.js";
export {
  installFetch,
  installXhr
};
