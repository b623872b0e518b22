import {
  handleCallback,
  readArrival
} from "./shared-E3PI6UVS.js";
import "./shared-OU3TIYYE.js";
import "./shared-MMZBY3BK.js";
import "./shared-OMCUL2HY.js";
import "./shared-FJSELP7O.js";
import "./shared-AOES6CGM.js";
import "./shared-FPVI63QI.js";
export {
  handleCallback,
  readArrival
};
