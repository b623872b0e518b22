import {
  installFetch
} from "./shared-SPKURCA2.js";
import {
  installXhr
} from "./shared-YXNQCS5B.js";
import "./shared-MMZBY3BK.js";
import "./shared-OMCUL2HY.js";
import "./shared-AOES6CGM.js";
import "./shared-FPVI63QI.js";
export {
  installFetch,
  installXhr
};
