import {
  mountNotice
} from "./shared-NHUMB5SY.js";
import "./shared-FPVI63QI.js";
export {
  mountNotice
};
