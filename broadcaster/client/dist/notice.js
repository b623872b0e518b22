import {
  mountNotice
} from "./shared-MGA76P2P.js";
import "./shared-FPVI63QI.js";
export {
  mountNotice
};
