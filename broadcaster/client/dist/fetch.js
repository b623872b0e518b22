import {
  installFetch
} from "./shared-SPKURCA2.js";
import {
  installXhr
} from "./shared-R7B7PCPZ.js";
import "./shared-X6BDFIB5.js";
import "./shared-OMCUL2HY.js";
import "./shared-MH75CZ2H.js";
import "./shared-FPVI63QI.js";
export {
  installFetch,
  installXhr
};
